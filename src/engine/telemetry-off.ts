/**
 * Switches off the telemetry of the ONNX Runtime that is loaded after this, in whichever process or thread: the library asks
 * for this variable once, as it is loaded, so a call of its API would come too late. Whatever the user's environment says,
 * what is computed here are medical images. Child processes inherit it.
 *
 * REQUIRES: in a thread, that it shares its process's environment (SHARE_ENV); other threads have a copy that the library
 * does not see.
 */
process.env["ORT_DISABLE_TELEMETRY"] = "1";
