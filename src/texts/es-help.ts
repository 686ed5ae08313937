/** Las palabras de `--help` en español. */
import type { HelpTexts } from "./en-help.js";

export const help: HelpTexts = {
  program:
    "Entrena una ProGAN sin perder jamás un peso. Pulsa Ctrl+C, corta la luz, llena el disco: ahí siguen.",
  usage: "Uso:",
  arguments: "Argumentos:",
  options: "Opciones:",
  commands: "Comandos:",
  examples: "Ejemplos:",
  optionsPlaceholder: "[opciones]",
  commandPlaceholder: "[comando]",
  displayHelp: "muestra esta ayuda",
  displayVersion: "muestra la versión",
  helpCommand: "ayuda [comando]",
  more: "Ayuda de un comando: guardapesos entrenar --help",
  command: {
    train: {
      description:
        "Entrena una ProGAN. Sigue por sí solo desde el checkpoint completo más reciente; Ctrl+C guarda los pesos antes de salir.",
      examples: [
        "guardapesos entrenar --preset demo",
        "guardapesos entrenar --data imagenes --class DRUSEN",
        "guardapesos entrenar --data imagenes --class DRUSEN --resume emergency",
      ],
    },
    generate: {
      description: "Crea imágenes a partir de un checkpoint, en archivos PNG o en una sola cuadrícula.",
      examples: [
        "guardapesos generar --count 64 --grid cuadricula.png",
        "guardapesos generar latest --truncation 0.7",
      ],
    },
    list: {
      description: "Muestra los checkpoints de una carpeta de pesos, el más reciente primero.",
      examples: [],
    },
    verify: {
      description: "Vuelve a leer los checkpoints y los compara con lo que se guardó.",
      examples: ["guardapesos verificar", "guardapesos verificar --all --deep"],
    },
    inspect: {
      description: "Muestra qué hay dentro de un .pth o un .safetensors, sin ejecutar nada de lo que trae.",
      examples: ["guardapesos inspeccionar weights/generator_DRUSEN_local.pth --stats"],
    },
    convert: {
      description: "Convierte pesos de .pth a .safetensors, o al revés.",
      examples: ["guardapesos convertir generator.pth generator.safetensors"],
    },
  },
  option: {
    data: {
      value: "carpeta",
      help: "imágenes, o carpetas de clases con imágenes; sin ella, imágenes OCT sintéticas",
    },
    class: { value: "nombre", help: "la carpeta de clase con la que entrenar" },
    weights: { value: "carpeta", help: "dónde viven los checkpoints (por defecto: weights)" },
    name: {
      value: "nombre",
      help: "final del nombre de los pesos: generator_CLASE_NOMBRE.pth (por defecto: local)",
    },
    preset: { value: "nombre", help: "demo, rtx3070, conservative o full (por defecto: rtx3070)" },
    latent: { value: "n", help: "números de un vector latente" },
    channels: { value: "n", help: "canales de 4x4 a 32x32; la mitad en cada resolución superior" },
    imageChannels: { value: "n", help: "1 (gris) o 3 (color)" },
    start: { value: "lado", help: "primera resolución: 4, 8, 16 ... 1024" },
    end: { value: "lado", help: "última resolución" },
    epochs: { value: "n", help: "épocas en cada resolución: un número, o nueve separados por comas" },
    batchSizes: { value: "n", help: "imágenes por batch: un número, o nueve, uno por resolución" },
    accumulate: { value: "n", help: "batches cuyos gradientes forman un paso" },
    lr: { value: "tasa", help: "tasa de aprendizaje de las dos redes" },
    seed: { value: "n", help: "semilla de todo el azar: misma semilla, mismo resultado" },
    autosave: {
      value: "intervalo",
      help: "entre dos guardados automáticos: batches (500), minutos (10m) o auto: según lo que cueste guardar",
    },
    backups: {
      value: "n",
      help: "copias que se conservan en weights/backups; entrenar hace una al día (por defecto: 7; 0: ninguna)",
    },
    maxBatches: { value: "n", help: "parar al llegar a este número de batches, sumando todas las sesiones" },
    device: { value: "nombre", help: "auto, cpu, webgpu, dml, cuda o coreml (por defecto: auto)" },
    threads: { value: "n", help: "hilos del procesador (por defecto: uno por núcleo)" },
    samples: { value: "carpeta", help: "dónde van las imágenes de muestra (por defecto: samples)" },
    phantoms: { value: "n", help: "imágenes sintéticas por época cuando no hay --data" },
    lang: { value: "idioma", help: "es o en (por defecto: el del sistema)" },
    json: { help: "un objeto JSON por línea, para otros programas" },
    fresh: { help: "empezar de cero; los checkpoints anteriores se quedan como están" },
    resume: {
      value: "ref",
      help: "seguir desde aquí: un id, un tipo como emergency, latest, o un archivo .pth",
    },
    config: {
      value: "archivo",
      help: "opciones de este archivo JSON (por defecto: guardapesos.config.json, si está)",
    },
    count: { value: "n", help: "cuántas imágenes (por defecto: 16)" },
    truncation: {
      value: "límite",
      help: "mantener el ruido dentro de estas desviaciones típicas: menos variedad, imágenes más limpias (0: sin límite; por defecto: 0.7)",
    },
    grid: { value: "archivo", help: "un solo PNG con todas, en vez de un archivo por imagen" },
    out: { value: "carpeta", help: "dónde van los archivos PNG (por defecto: generated)" },
    all: { help: "todos los checkpoints, no solo el más reciente" },
    deep: { help: "además, abrir los archivos y comprobar cada tensor" },
    weightsOnly: { help: "solo los pesos, sin la memoria del optimizador ni lo demás" },
    stats: { help: "además, mínimo, máximo, media y número de NaN de cada tensor" },
  },
  argument: {
    reference: {
      name: "ref",
      help: "un id, un tipo como emergency, latest, o un archivo .pth (por defecto: latest)",
    },
    file: { name: "archivo", help: "un archivo .pth o .safetensors" },
    from: { name: "origen", help: "el archivo que se lee" },
    to: { name: "destino", help: "el archivo que se escribe" },
  },
};
