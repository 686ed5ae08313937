"""A small ProGAN-like training in the shape of the page's progan_local.py: a stand-in for the scripts that users have.

Two networks, two optimizers, gradient accumulation, a GradScaler that skips, a DataLoader (with workers if asked), tqdm and
TensorBoard where they are installed, a SIGINT handler that prints emojis first, no handlers for SIGTERM and SIGHUP, and an
epoch, a scheduler and random states in a file of its own. A test changes the constants with PAGE_LIKE={"NAME": value}.
"""
import json
import os
import random
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None
try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    SummaryWriter = None

# Configuration
DATASET = "DRUSEN"
START_TRAIN_AT_IMG_SIZE = 4
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WEIGHTS_DIR = Path("weights")
LOAD_MODEL = False
SAVE_MODEL = True
CHECKPOINT_GEN = str(WEIGHTS_DIR / "generator_DRUSEN_v11.pth")
CHECKPOINT_CRITIC = str(WEIGHTS_DIR / "critic_DRUSEN_v11.pth")
CHECKPOINT_GEN_SAVE = str(WEIGHTS_DIR / f"generator_{DATASET}_local.pth")
CHECKPOINT_CRITIC_SAVE = str(WEIGHTS_DIR / f"critic_{DATASET}_local.pth")
TRAINING_STATE_SAVE = WEIGHTS_DIR / "training_state.pth"
LEARNING_RATE = 1e-3
BATCH_SIZES = [16, 16, 12]
GRADIENT_ACCUMULATION_STEPS = 2
AUTO_SAVE_EVERY_N_BATCHES = 500
PROGRESSIVE_EPOCHS = [2, 2]
IMAGES = 96
NUM_WORKERS = 0
WORKER_START = None  # "fork", "spawn", "forkserver"
HANDLER = True
CHANNELS = 8
WIDE = 1  # a factor for files that take longer to write
STEP_SECONDS = 0.0  # what a batch takes beside the arithmetic
DIGESTS = None  # a file: one line for each batch with what the two networks were at its end
LAMBDA_GP = 10
SEED = 42
globals().update(json.loads(os.environ.get("PAGE_LIKE", "{}")))
WEIGHTS_DIR = Path(WEIGHTS_DIR)


class Images(Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.rand(3, self.size, self.size, generator=generator) * 2 - 1, index % 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.initial = nn.Sequential(nn.ConvTranspose2d(CHANNELS, CHANNELS * WIDE, 4), nn.BatchNorm2d(CHANNELS * WIDE))
        self.growing = nn.ModuleList([nn.Conv2d(CHANNELS * WIDE, CHANNELS * WIDE, 3, 1, 1) for _ in range(2)])
        self.rgb = nn.Conv2d(CHANNELS * WIDE, 3, 1)

    def forward(self, noise, steps):
        x = self.initial(noise)
        for block in self.growing[:steps]:
            x = torch.relu(block(nn.functional.interpolate(x, scale_factor=2)))
        return torch.tanh(self.rgb(x))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, CHANNELS * WIDE, 3, 1, 1)
        self.last = nn.Linear(CHANNELS * WIDE, 1)

    def forward(self, images):
        return self.last(torch.relu(self.first(images)).mean((2, 3)))


class LossScaler:
    """A GradScaler where this PyTorch has one for the device, which skips the first steps: its first scale overflows."""

    def __new__(cls):
        scale = dict(init_scale=2.0**126, backoff_factor=2.0**-30, growth_interval=1000)
        if hasattr(torch, "amp") and hasattr(torch.amp, "GradScaler"):
            return torch.amp.GradScaler(DEVICE, **scale)
        return torch.cuda.amp.GradScaler(enabled=DEVICE == "cuda", **scale)


def save_checkpoint(model, optimizer, filename="my_checkpoint.pth"):
    print(f"=> Saving checkpoint: {filename}")
    checkpoint = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, filename)


def load_checkpoint(checkpoint_file, model, optimizer, lr):
    if not os.path.exists(checkpoint_file):
        print(f"⚠ {checkpoint_file} no existe: se empieza de cero")
        return
    print(f"=> Loading checkpoint: {checkpoint_file}")
    checkpoint = torch.load(checkpoint_file, map_location=DEVICE)
    model.load_state_dict(checkpoint["state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    for param_group in optimizer.param_groups:
        param_group["lr"] = lr


def gradient_penalty(critic, real, fake):
    beta = torch.rand(real.shape[0], 1, 1, 1, device=DEVICE)
    mixed = (real * beta + fake.detach() * (1 - beta)).requires_grad_(True)
    gradient = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
    return ((gradient.reshape(real.shape[0], -1).norm(2, dim=1) - 1) ** 2).mean()


def write_digests(gen, critic, opt_gen, opt_critic):
    from digest import digest

    nets = {"generator": (gen, opt_gen), "critic": (critic, opt_critic)}
    line = {name: digest({"state_dict": net.state_dict(), "optimizer": opt.state_dict()}) for name, (net, opt) in nets.items()}
    with open(DIGESTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def train_fn(gen, critic, loader, steps, opt_gen, opt_critic, scaler_gen, scaler_critic, writer, place):
    loop = tqdm(loader, leave=True) if tqdm else loader
    for batch_idx, (real, _) in enumerate(loop):
        real = real.to(DEVICE)
        noise = torch.randn(real.shape[0], CHANNELS, 1, 1, device=DEVICE)
        fake = gen(noise, steps)
        gp = gradient_penalty(critic, real, fake)
        loss_critic = -(critic(real).mean() - critic(fake.detach()).mean()) + LAMBDA_GP * gp
        scaler_critic.scale(loss_critic / GRADIENT_ACCUMULATION_STEPS).backward()
        whole = (batch_idx + 1) % GRADIENT_ACCUMULATION_STEPS == 0
        if whole:
            scaler_critic.step(opt_critic)
            scaler_critic.update()
            opt_critic.zero_grad()
        time.sleep(STEP_SECONDS / 2)
        loss_gen = -critic(fake).mean()
        scaler_gen.scale(loss_gen / GRADIENT_ACCUMULATION_STEPS).backward()
        if whole:
            scaler_gen.step(opt_gen)
            scaler_gen.update()
            opt_gen.zero_grad()
        time.sleep(STEP_SECONDS / 2)
        place["batch"] += 1
        if DIGESTS:
            write_digests(gen, critic, opt_gen, opt_critic)
        if place["batch"] % AUTO_SAVE_EVERY_N_BATCHES == 0:
            print(f"💾 Auto-guardando checkpoint en batch {place['batch']}...")
            save_checkpoint(gen, opt_gen, filename=CHECKPOINT_GEN_SAVE)
            save_checkpoint(critic, opt_critic, filename=CHECKPOINT_CRITIC_SAVE)
            print("✅ Checkpoint guardado")
        if writer:
            writer.add_scalar("Loss Critic", loss_critic.item(), global_step=place["batch"])
        if tqdm:
            loop.set_postfix(gp=gp.item(), loss_critic=loss_critic.item())


def main():
    random.seed(SEED)
    torch.manual_seed(SEED)
    WEIGHTS_DIR.mkdir(exist_ok=True)
    gen = Generator().to(DEVICE)
    critic = Critic().to(DEVICE)
    opt_gen = optim.Adam(gen.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
    opt_critic = optim.Adam(critic.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
    scheduler = optim.lr_scheduler.StepLR(opt_gen, step_size=3, gamma=0.9)
    scaler_gen, scaler_critic = LossScaler(), LossScaler()
    writer = SummaryWriter("logs/gan") if SummaryWriter else None
    place = {"batch": 0}

    def save_on_interrupt(signum, frame):
        print("\n" + "=" * 60)
        print("🛑 ¡Ctrl+C detectado! Guardando pesos antes de salir...")
        stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
        save_checkpoint(gen, opt_gen, filename=str(WEIGHTS_DIR / f"EMERGENCY_generator_{stamp}.pth"))
        save_checkpoint(critic, opt_critic, filename=str(WEIGHTS_DIR / f"EMERGENCY_critic_{stamp}.pth"))
        print("👋 Saliendo...")
        sys.exit(0)

    if HANDLER:
        signal.signal(signal.SIGINT, save_on_interrupt)
    if LOAD_MODEL:
        load_checkpoint(CHECKPOINT_GEN, gen, opt_gen, LEARNING_RATE)
        load_checkpoint(CHECKPOINT_CRITIC, critic, opt_critic, LEARNING_RATE)
    gen.train()
    critic.train()
    first = [4, 8, 16].index(START_TRAIN_AT_IMG_SIZE)
    print(f"🚀 Entrenando en {DEVICE}, dataset {DATASET}")
    for step, num_epochs in list(enumerate(PROGRESSIVE_EPOCHS))[first:]:
        workers = dict(num_workers=NUM_WORKERS, multiprocessing_context=WORKER_START) if NUM_WORKERS else {}
        loader = DataLoader(Images(4 * 2**step), batch_size=BATCH_SIZES[step], shuffle=True, **workers)
        print(f"Image size: {4 * 2**step}")
        for epoch in range(num_epochs):
            print(f"Epoch [{epoch + 1}/{num_epochs}]")
            train_fn(gen, critic, loader, step, opt_gen, opt_critic, scaler_gen, scaler_critic, writer, place)
            scheduler.step()
            if SAVE_MODEL:
                save_checkpoint(gen, opt_gen, filename=CHECKPOINT_GEN_SAVE)
                save_checkpoint(critic, opt_critic, filename=CHECKPOINT_CRITIC_SAVE)
                torch.save(
                    {
                        "epoch": epoch,
                        "image_size": 4 * 2**step,
                        "scheduler": scheduler.state_dict(),
                        "scaler_gen": scaler_gen.state_dict(),
                        "torch_random": torch.get_rng_state(),
                        "python_random": random.getstate(),
                    },
                    TRAINING_STATE_SAVE,
                )
    print("🎉 Entrenamiento terminado")


if __name__ == "__main__":
    main()
