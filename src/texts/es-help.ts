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
    run: {
      description:
        "Ejecuta un entrenamiento tuyo de PyTorch, sin editarlo, y lo protege: guardados enteros, un solo Ctrl+C seguro, guardados automáticos, checkpoints verificados, temperatura.",
      examples: [
        "guardapesos ejecutar -- python progan_local.py",
        "guardapesos ejecutar --autosave 500 --stop-at 07:00 -- python train.py --epochs 20",
        "guardapesos ejecutar -- torchrun --nproc-per-node 2 train.py",
      ],
    },
    plan: {
      description:
        "Dice cuánto trabajo, tiempo, memoria y disco pedirá un entrenamiento, resolución a resolución, antes de empezarlo.",
      examples: [
        "guardapesos planificar --preset rtx3070 --vram 8",
        "guardapesos planificar --data imagenes --class DRUSEN",
      ],
    },
    generate: {
      description: "Crea imágenes a partir de un checkpoint, en archivos PNG o en una sola cuadrícula.",
      examples: [
        "guardapesos generar --count 64 --grid cuadricula.png",
        "guardapesos generar latest --truncation 0.7",
      ],
    },
    stop: {
      description:
        "Pide que pare al entrenamiento de una carpeta de pesos y espera a que sus pesos estén a salvo. Sirve desde otra terminal y donde no llega Ctrl+C: servicios, procesos en segundo plano.",
      examples: ["guardapesos parar", "guardapesos parar --weights /datos/pesos"],
    },
    list: {
      description: "Muestra los checkpoints de una carpeta de pesos, el más reciente primero.",
      examples: [],
    },
    verify: {
      description: "Vuelve a leer los checkpoints y los compara con lo que se guardó.",
      examples: [
        "guardapesos verificar",
        "guardapesos verificar --all --deep",
        "guardapesos verificar runs/checkpoint-500",
      ],
    },
    keep: {
      description: "Marca un checkpoint: desde entonces nadie lo borra más que tú.",
      examples: [
        "guardapesos conservar latest",
        "guardapesos conservar 00012000-epoch-20251106_153045 --undo",
      ],
    },
    prune: {
      description:
        "Borra los checkpoints que ya no hacen falta, primero las emergencias viejas. Los últimos verificados, los finales de cada resolución y lo que hayas marcado se quedan siempre.",
      examples: ["guardapesos limpiar --dry-run", "guardapesos limpiar"],
    },
    backup: {
      description:
        "Copia el checkpoint completo más reciente y verifica la copia: en weights/backups, donde se quedan las 7 últimas, o en una carpeta tuya, donde jamás se borra nada.",
      examples: ["guardapesos respaldar", "guardapesos respaldar /media/usb/pesos"],
    },
    restore: {
      description:
        "Hace que una copia de seguridad, o un checkpoint anterior, vuelva a ser el más reciente. No borra nada.",
      examples: ["guardapesos restaurar", "guardapesos restaurar 2025-11-06"],
    },
    stats: {
      description:
        "Muestra lo que ha costado guardar: guardados, tiempo, bytes, espacio y la edad del último verificado.",
      examples: [],
    },
    doctor: {
      description:
        "Examina una carpeta de pesos: si se puede escribir en ella, si el disco conserva lo que recibe, si algo está dañado; y dice qué hacer.",
      examples: [],
    },
    monitor: {
      description:
        "Muestra una tarjeta en vivo: temperatura, consumo, memoria, ventilador, qué la frena, y qué haría el entrenamiento con su calor.",
      examples: [
        "guardapesos vigilar",
        "guardapesos vigilar --log noche.csv",
        "guardapesos vigilar --sensor simulated:model",
      ],
    },
    watch: {
      description:
        "Cuida de un entrenamiento que lanzó otro: guarda, verificado, cada checkpoint terminado de una carpeta. No cambia nada en ella.",
      examples: ["guardapesos observar runs --weights weights", "guardapesos observar runs --once"],
    },
    import: {
      description: "Guarda una vez un checkpoint de otro programa: un archivo o una carpeta.",
      examples: ["guardapesos importar runs/checkpoint-500", "guardapesos importar best.ckpt --name ckpt-a"],
    },
    inspect: {
      description:
        "Muestra qué hay dentro de un .pth, un .safetensors o la carpeta de checkpoints de otro programa, sin ejecutar nada de lo que trae.",
      examples: [
        "guardapesos inspeccionar weights/generator_DRUSEN_local.pth --stats",
        "guardapesos inspeccionar runs/checkpoint-500",
      ],
    },
    convert: {
      description: "Convierte pesos de .pth a .safetensors, o al revés.",
      examples: ["guardapesos convertir generator.pth generator.safetensors"],
    },
  },
  option: {
    data: {
      value: "carpeta",
      help: "imágenes, o carpetas de clases con imágenes; sin ella, las del checkpoint, o imágenes OCT sintéticas",
    },
    class: {
      value: "nombre",
      help: "la clase: con cuya carpeta entrenar (. para todas juntas), o de cuyos checkpoints se trata",
    },
    weights: { value: "carpeta", help: "dónde viven los checkpoints (por defecto: weights)" },
    name: {
      value: "nombre",
      help: "final del nombre de los pesos: generator_CLASE_NOMBRE.pth (al entrenar, por defecto: local)",
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
    precision: {
      value: "tipo",
      help: "float32, o mixed: media precisión en la tarjeta que la tenga, pesos en float32 (por defecto: float32)",
    },
    lr: { value: "tasa", help: "tasa de aprendizaje de las dos redes" },
    seed: { value: "n", help: "semilla de todo el azar: misma semilla, mismo resultado" },
    autosave: {
      value: "intervalo",
      help: "entre dos guardados automáticos: batches (500), minutos (10m) o auto: según lo que cueste guardar",
    },
    keepEvery: {
      value: "pasos",
      help: "conservar para siempre un checkpoint de cada tantos pasos (por defecto: 0: ninguno)",
    },
    backups: {
      value: "n",
      help: "copias que se conservan en weights/backups; entrenar hace una al día (por defecto: 7; 0: ninguna)",
    },
    maxBatches: { value: "n", help: "parar al llegar a este número de batches, sumando todas las sesiones" },
    stopAfter: { value: "tiempo", help: "guardar y parar pasado este tiempo: 8h, 30m, 90s, 1h30m" },
    stopAt: { value: "hh:mm", help: "guardar y parar cuando el reloj marque esta hora: 07:00" },
    stopWithParent: { help: "guardar y parar cuando termine el programa que inició este" },
    device: { value: "nombre", help: "auto, cpu, webgpu, dml, cuda o coreml (por defecto: auto)" },
    threads: { value: "n", help: "hilos del procesador (por defecto: uno por núcleo)" },
    samples: { value: "carpeta", help: "dónde van las imágenes de muestra (por defecto: samples)" },
    phantoms: { value: "n", help: "imágenes sintéticas por época cuando no hay --data" },
    sensor: {
      value: "sensor",
      help: "de dónde viene la temperatura de la tarjeta: auto, none, nvml, nvidia-smi, other, simulated:ARCHIVO, simulated:model (por defecto: auto)",
    },
    warnAt: { value: "°C", help: "desde aquí, pausas y guardados más frecuentes (por defecto: 78)" },
    target: { value: "°C", help: "la temperatura que mantienen las pausas (por defecto: 79)" },
    coolAt: {
      value: "°C",
      help: "desde aquí: guardar, enfriar y seguir con batches más pequeños (por defecto: 82)",
    },
    stopAtTemp: { value: "°C", help: "desde aquí: guardar y parar (por defecto: 85)" },
    resumeAt: { value: "°C", help: "a cuánto debe enfriarse la tarjeta para seguir (por defecto: 70)" },
    coolMinutes: { value: "n", help: "cuánto dura un enfriamiento como mínimo (por defecto: 10)" },
    criticalMinutes: {
      value: "n",
      help: "lo mismo tras la temperatura crítica, con --after-critical cool (por defecto: 30)",
    },
    afterCritical: {
      value: "qué",
      help: "en la temperatura crítica: stop (parar) o cool (enfriar y seguir) (por defecto: stop)",
    },
    timeScale: { value: "n", help: "con un sensor simulado: cuántas veces más rápido corre el tiempo" },
    fullBatches: { help: "volver a los tamaños de batch de antes de que el calor los dividiera" },
    lang: { value: "idioma", help: "es o en (por defecto: el del sistema)" },
    json: { help: "un objeto JSON por línea, para otros programas" },
    fresh: { help: "empezar de cero; los checkpoints anteriores se quedan como están" },
    resume: {
      value: "ref",
      help: "seguir desde aquí: un id, un tipo como emergency, latest, o un archivo .pth",
    },
    critic: {
      value: "archivo",
      help: "el archivo del crítico, cuando --resume da el del generador y no se encuentra solo",
    },
    stateDict: {
      value: "clave",
      help: "qué pesos tomar cuando un .pth tiene varios (inspeccionar muestra sus nombres; con comas, uno por red)",
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
    resolution: {
      value: "píxeles",
      help: "lado de cada imagen, de 4 a 1024 (por defecto: hasta donde llegó el entrenamiento; 64 si nada lo dice)",
    },
    grid: {
      value: "archivo",
      help: "una sola imagen con todas (.png, .jpg, .webp o .tif), en vez de un PNG por imagen",
    },
    overwrite: { help: "permitir que --grid sustituya un archivo que ya existe" },
    out: { value: "carpeta", help: "dónde van los archivos PNG (por defecto: generated)" },
    all: { help: "todos los checkpoints, no solo el más reciente" },
    images: { value: "n", help: "imágenes por época (por defecto: las de --data, o --phantoms)" },
    rate: {
      value: "GFLOP/s",
      help: "a qué velocidad calcula el dispositivo; sin ella, se mide aquí en unos segundos",
    },
    vram: { value: "GB", help: "di si el entrenamiento cabe en esta memoria" },
    deep: { help: "además, abrir los archivos y comprobar cada tensor" },
    dryRun: { help: "solo decir qué se borraría y cuánto sitio quedaría libre" },
    yes: { help: "restaurar la última copia sin preguntar" },
    daily: { help: "solo si hoy no hay ninguna o la que hay tiene seis horas" },
    undo: { help: "quitar la marca" },
    from: {
      value: "carpeta",
      help: "dónde buscar los checkpoints que ningún agente anuncia; se puede dar varias veces",
    },
    restart: {
      value: "n",
      help: "volver a iniciarlo tantas veces tras un fallo, si algo dice cómo reanuda (por defecto: 0)",
    },
    set: {
      value: "nombre=valor",
      help: "para esta vez, una constante del nivel superior del script (o MÓDULO.NOMBRE=VALOR); VALOR es Python, y un texto donde no lo sea; NOMBRE:=texto siempre es un texto; se puede dar varias veces",
    },
    resumeSet: {
      value: "nombre=valor",
      help: "como --set, cuando hay un checkpoint desde el que seguir; {generator}, {critic}, {file:NOMBRE}, {dir}, {size} representan lo que contiene",
    },
    resumeArgs: {
      value: "texto",
      help: "palabras que se añaden entonces a la orden, separadas como en un shell",
    },
    resumeEnv: { value: "nombre=valor", help: "una variable de entorno entonces" },
    recipe: {
      value: "nombre",
      help: "ajustes de ese tipo bajo un nombre: progan-local, o uno tuyo en el archivo de configuración",
    },
    coolBy: {
      value: "cómo",
      help: "enfriar la tarjeta con pause (en su sitio, por defecto) o con restart",
    },
    heatSet: { value: "nombre=valor", help: "como --set, cuando se vuelve a iniciar tras el calor" },
    hangKill: {
      help: "matar un script que lleva demasiado tiempo sin avanzar (por defecto: solo decirlo)",
    },
    agent: {
      help: "no poner nada dentro del script: sin guardados enteros ni instantáneas, con señales simples",
    },
    once: { help: "guardar lo que esté terminado ahora y acabar, como lo quiere cron" },
    events: { value: "archivo", help: "añadir cada evento a este archivo, un objeto JSON por línea" },
    log: {
      value: "archivo",
      help: "escribir cada lectura en este CSV nuevo, que --sensor simulated: vuelve a reproducir",
    },
    weightsOnly: { help: "solo los pesos, sin la memoria del optimizador ni lo demás" },
    skipUnknown: { help: "muestra también los tensores alrededor de lo desconocido, sin ejecutar nada" },
    stats: { help: "además, mínimo, máximo, media y número de NaN de cada tensor" },
  },
  argument: {
    reference: {
      name: "ref",
      help: "un id, un tipo como emergency, latest, o un archivo .pth (por defecto: latest)",
    },
    kept: { name: "ref", help: "un id, un tipo como emergency, latest, o un archivo .pth" },
    destination: { name: "carpeta", help: "adónde (por defecto: backups dentro de la carpeta de pesos)" },
    backup: {
      name: "ref",
      help: "el día de una copia, un id, o la carpeta de cualquiera de los dos (sin ella: las muestra y pregunta)",
    },
    program: {
      name: "comando",
      help: "lo que hay que ejecutar, con sus propias opciones: detrás de dos guiones",
    },
    watched: {
      name: "carpeta",
      help: "dónde guarda el entrenamiento: una carpeta, o una que la contenga",
    },
    imported: { name: "ruta", help: "un checkpoint de otro programa: un archivo o una carpeta" },
    judged: {
      name: "ref",
      help: "un id, un tipo como emergency, latest, un archivo .pth, o un archivo o una carpeta de otro programa (por defecto: latest)",
    },
    inspected: {
      name: "archivo",
      help: "un archivo .pth o .safetensors, o una carpeta de checkpoints que escribió otro programa",
    },
    file: { name: "archivo", help: "un archivo .pth o .safetensors" },
    from: { name: "origen", help: "el archivo que se lee" },
    to: { name: "destino", help: "el archivo que se escribe" },
  },
};
