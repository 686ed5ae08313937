/* A stand-in for NVML, driven by the environment, with the layout and the codes of the real one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { unsigned index; } *device;
static struct { unsigned index; } devices[8];

static int number(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

/* "71 64": one temperature for each card. */
static int temperatures(unsigned *all) {
  const char *text = getenv("FAKE_TEMPERATURES");
  int count = 0;
  for (char *end; text && count < 8; text = end, count++) {
    all[count] = (unsigned)strtoul(text, &end, 10);
    if (end == text) break;
  }
  return count;
}

const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : code == 9 ? "Driver Not Loaded" : "Unknown Error"; }
int nvmlInit_v2(void) { return number("FAKE_INIT", 0); }
int nvmlDeviceGetCount_v2(unsigned *count) {
  unsigned all[8];
  *count = (unsigned)temperatures(all);
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *out) {
  devices[index].index = index;
  *out = (device)&devices[index];
  return 0;
}
int nvmlDeviceGetName(device card, char *name, unsigned length) {
  snprintf(name, length, "Fake card %u", card->index);
  return 0;
}
int nvmlDeviceGetTemperature(device card, int sensor, unsigned *out) {
  unsigned all[8];
  if (sensor != 0) return 2;
  if (number("FAKE_SLEEP", 0)) sleep((unsigned)number("FAKE_SLEEP", 0));
  if (number("FAKE_CRASH", 0)) abort();
  temperatures(all);
  *out = all[card->index];
  return number("FAKE_CODE", 0);
}
int nvmlDeviceGetTemperatureThreshold(device card, int type, unsigned *out) {
  (void)card;
  *out = type == 1 ? 95 : 98;
  return 0;
}
int nvmlDeviceGetPowerUsage(device card, unsigned *milliwatts) { (void)card; *milliwatts = 198320; return 0; }
int nvmlDeviceGetUtilizationRates(device card, unsigned *rates) { (void)card; rates[0] = 97; rates[1] = 40; return 0; }
int nvmlDeviceGetMemoryInfo(device card, uint64_t *info) {
  (void)card;
  info[0] = 8589934592ull; info[1] = 1ull; info[2] = 7175405568ull;
  return 0;
}
int nvmlDeviceGetFanSpeed(device card, unsigned *percent) { (void)card; *percent = 0; return 3; }
int nvmlDeviceGetClockInfo(device card, int type, unsigned *mhz) { (void)card; *mhz = type == 0 ? 1725 : 6801; return 0; }
/* nvmlDeviceGetCurrentClocksThrottleReasons is not here, as in a very old library, unless asked for. */
#ifdef WITH_REASONS
int nvmlDeviceGetCurrentClocksThrottleReasons(device card, uint64_t *mask) { (void)card; *mask = 0x8000000000000020ull; return 0; }
#endif
