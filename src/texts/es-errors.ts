/** La frase española de cada error: qué pasó, por qué, qué hacer y si los pesos están a salvo. */
import type { Expected } from "../base/errors.js";
import type { ErrorTexts } from "./en-errors.js";
import { damageOf, purposes } from "./es-damage.js";
import { imageErrors } from "./es-images.js";
import {
  torchFeature,
  torchFeatureAdvice,
  torchPlace,
  torchProblem,
  torchProblemAdvice,
  torchUnreadable,
} from "./es-torch.js";
import { formats } from "./formats.js";

const { and, or, bytes, duration, integer, moment } = formats("es");

const meant = (suggestion: string | undefined): string =>
  suggestion === undefined ? "" : ` ¿Querías decir ${suggestion}?`;

export const networkName = (network: string): string =>
  ({ generator: "generador", critic: "crítico" })[network] ?? network;

/** Lo que admite una opción, para ir detrás de «admite». */
function expectation(expected: Expected): string {
  switch (expected.kind) {
    case "text":
      return "un texto que no esté vacío";
    case "texts":
      return "un texto que no esté vacío; en un archivo, también una lista de ellos";
    case "name":
      return "hasta 100 letras (140 bytes), cifras, puntos, guiones y guiones bajos (pasa a ser parte del nombre de un archivo)";
    case "boolean":
      return "true o false";
    case "recipes":
      return 'recetas bajo sus nombres, como { "mía": { "resume-set": ["CKPT={generator}"] } }, con "set", "resume-set", "resume-args", "resume-env" y "heat-set"';
    case "object":
      return 'un objeto como { "preset": "demo" }';
    case "integer":
      return expected.max === undefined
        ? `un número entero a partir de ${expected.min}`
        : `un número entero de ${expected.min} a ${expected.max}`;
    case "number":
      return `un número mayor que ${expected.above}, con punto decimal, como 0.001`;
    case "number-from":
      return `un número de ${expected.min} a ${expected.max}, con punto decimal, como ${expected.example}`;
    case "sensor":
      return "auto, none, nvml, nvidia-smi, other (una tarjeta de varias: nvml:0), simulated:ARCHIVO o simulated:model";
    case "interval":
      return "batches (500), minutos (10m) o auto";
    case "duration":
      return "una duración como 8h, 30m, 90s o 1h30m, como mucho 87600h";
    case "time-of-day":
      return "una hora del día como 07:00 o 23:30";
    case "integers":
      return `un número entero de ${expected.min} a ${expected.max}, o ${expected.count} de ellos (uno por resolución, de 4x4 a 1024x1024)`;
    case "one-of":
      return or(expected.values);
  }
}

export const errors: ErrorTexts = {
  CURRENT_FOLDER_GONE: ({ folder }) =>
    `La carpeta actual${folder === undefined ? "" : `, ${folder},`} ya no existe: la han borrado, renombrado o desmontado. Cambia a otra (cd) y prueba de nuevo.`,
  FOLDER_NOT_FOUND: ({ folder }) => `La carpeta ${folder} no existe. Revisa cómo está escrita la ruta.`,
  NAME_NOT_DECODED: ({ folder, name }) =>
    `En ${folder} hay nombres que no son UTF-8, como los dejan los zip antiguos de Windows (por ejemplo ${name}), y no se pueden abrir. Cámbialos todos de una vez con convmv -f latin1 -t utf8 -r --notest "${folder}" y vuelve a intentarlo.`,
  FOLDER_NOT_READABLE: ({ folder, reason }) =>
    `No se puede leer la carpeta ${folder}: ${reason}. Comprueba que sea una carpeta y que tengas permiso para abrirla.`,
  ...imageErrors,
  DATA_NEEDED: ({ id, class: own, mayDraw }) =>
    `${id} se entrenó con imágenes y no dice dónde están. Dilo con --data${own === undefined ? " (y --class)" : ` y --class "${own}"`}${mayDraw ? ", o entrena con imágenes sintéticas con --phantoms 1200" : ", o empieza de cero con --fresh"}; no se ha tocado nada.`,
  DATA_GONE: ({ id, folder }) =>
    `Las imágenes con las que se entrenó ${id} ya no están en ${folder}: se movieron, cambiaron de nombre o se borraron, o su disco no está. Devuélvelas a su sitio, o di con --data dónde están ahora; los checkpoints siguen como estaban.`,
  IMAGES_VANISHED: ({ folder, gone, of }) =>
    `Faltan ${integer(gone)} de ${integer(of)} imágenes en ${folder}: se movieron o se borraron, o su disco ya no está. El entrenamiento ha terminado en vez de seguir con las pocas que quedan; devuélvelas a su sitio y repite el mismo comando.`,

  COMMAND_UNKNOWN: ({ command, suggestion }) =>
    `No existe el comando ${command}.${meant(suggestion)} Los tienes todos en guardapesos --help.`,
  OPTION_UNKNOWN: ({ option, suggestion }) =>
    `No existe la opción ${option}.${meant(suggestion)} Las tienes todas en --help.`,
  PROGRAM_NOT_GIVEN: () =>
    "Di qué hay que ejecutar, detrás de dos guiones: guardapesos ejecutar -- python progan_local.py. No se ha iniciado nada.",
  PROGRAM_NOT_FOUND: ({ program }) =>
    `No existe el programa ${program}: mira cómo se escribe o da su ruta entera. No se ha iniciado nada.`,
  PROGRAM_NOT_EXECUTABLE: ({ program }) =>
    `${program} no se puede ejecutar: es una carpeta, o no está marcado como programa. Un script de Python se ejecuta con python ${program}. No se ha iniciado nada.`,
  SCRIPT_STILL_RUNS: ({ folder, script, pid, since }) =>
    `${script} sigue en marcha: es el proceso ${pid} (desde ${moment(since)}), que continúa aunque mataron al guardapesos que lo inició. Dos que escriben en los mismos archivos los estropearían, así que no se ha iniciado nada. Espera a que termine, termínalo (Ctrl+C es kill -INT ${pid}) o da otra carpeta con --weights en lugar de la de ${folder}.`,
  OPTION_VALUE_MISSING: ({ option }) => `A ${option} le falta un valor detrás.`,
  ARGUMENT_MISSING: ({ argument }) => `Falta algo: ${argument}. En --help está cómo se escribe.`,
  ARGUMENT_UNEXPECTED: ({ command, argument }) =>
    `${command} no sabe qué hacer con «${argument}». Si era para una opción, escribe antes el nombre de la opción; mira --help.`,

  PLACE_ELSEWHERE: ({ place }) =>
    `${place} no es una carpeta de este ordenador, y guardapesos aún no escribe en otros sitios. Da una carpeta, por ejemplo en otro disco o en una unidad de red; la que de verdad se llame así se escribe ./${place}. No se ha tocado nada.`,
  OPTION_INVALID: ({ option, value, expected }) =>
    `${option} admite ${expectation(expected)}; «${value}» no vale.`,
  OPTIONS_CONFLICT: ({ option, other }) => `${option} y ${other} se contradicen. Quédate con una de las dos.`,
  OPTION_NEEDS: ({ option, needed }) =>
    `${option} no dice nada sin ${needed}. Añade ${needed}, o quita ${option}.`,
  RESOLUTION_INVALID: ({ option, value }) =>
    `${option} admite una resolución que sea potencia de dos, de 4 a 1024 (4, 8, 16, 32, 64, 128, 256, 512 o 1024); «${value}» no lo es.`,
  RESOLUTION_RANGE: ({ start, end }) =>
    `El entrenamiento no puede empezar en ${start}x${start} y acabar en ${end}x${end}. Haz que --start sea menor o igual que --end.`,
  RESOLUTION_UNTRAINED: ({ id, wanted, trained }) =>
    `${id} está entrenado hasta ${trained}x${trained}: a ${wanted}x${wanted} dibujaría ruido. Pon --resolution ${trained} o menos, o quítalo.`,
  GRID_TOO_LARGE: ({ path, count, resolution, most }) =>
    `Una cuadrícula de ${integer(count)} imágenes de ${resolution}x${resolution} es demasiado grande para ${path}: caben ${integer(most)} como mucho. Pon un --count o un --resolution menor, o quita --grid para tener un archivo por imagen.`,
  BATCH_SIZES_LENGTH: ({ given, expected }) =>
    `--batch-sizes admite un número, o exactamente ${expected} (uno por resolución, de 4x4 a 1024x1024); recibió ${given}.`,
  PRESET_UNKNOWN: ({ preset, presets }) => `No existe el preset «${preset}». Elige ${or(presets)}.`,
  CONFIG_NOT_JSON: ({ file, reason }) =>
    `${file} no es JSON válido (${reason}). Corrígelo, o apártalo para entrenar solo con la línea de comandos.`,
  CONFIG_UNKNOWN_KEY: ({ file, key, suggestion }) =>
    `${file} tiene una clave que no existe: «${key}».${meant(suggestion === undefined ? undefined : `«${suggestion}»`)} Sus claves son las opciones de guardapesos entrenar --help.`,
  CONFIG_KEY_TWICE: ({ file, key, other }) =>
    `${file} da dos veces el mismo ajuste, como «${key}» y como «${other}». Deja solo uno.`,
  CONFIG_INVALID: ({ file, key, value, expected }) =>
    key === ""
      ? `${file} debe contener ${expectation(expected)}; contiene ${value}.`
      : `En ${file}, «${key}» admite ${expectation(expected)}; ${value} no vale.`,
  CONFIG_NOT_FOUND: ({ file }) =>
    `No se puede leer el archivo de configuración ${file}. Revisa la ruta que diste en --config.`,

  SETTING_INVALID: ({ option, value, problem }) =>
    problem === "no-sign"
      ? `${option} admite NOMBRE=VALOR; «${value}» no lleva ningún =.`
      : problem === "name"
        ? `${option} admite NOMBRE=VALOR o MÓDULO.NOMBRE=VALOR con nombres como los de Python; «${value}» no lo es.`
        : `${option} admite NOMBRE=VALOR; «${value}» no puede ser el nombre de una variable de entorno.`,
  SETTING_MISSING: ({ name, file, suggestion, imported }) =>
    `${file} no asigna ningún ${name} en su nivel superior, así que no se puede cambiar, y no se ha iniciado nada.${
      imported === undefined
        ? `${meant(suggestion)} Los nombres de dentro de funciones y clases no se pueden cambiar.`
        : ` Ese nombre lo importa: cámbialo donde se asigna, como ${imported}=VALOR.`
    }`,
  PLACEHOLDER_UNKNOWN: ({ option, placeholder, known }) =>
    `${option} lleva ${placeholder}, que no representa nada. Existen ${and(known)}.`,
  PLACEHOLDER_EMPTY: ({ placeholder, id, several, files }) =>
    `${several ? `Varios archivos del checkpoint ${id} podrían ser` : `El checkpoint ${id} no tiene nada para`} ${placeholder}: contiene ${files.length === 0 ? "ningún archivo" : and(files)}. Nombra uno como {file:NOMBRE}; el checkpoint está como estaba, y no se ha iniciado nada.`,
  QUOTE_NOT_CLOSED: ({ option, value }) =>
    `En ${option} se abren unas comillas que no se cierran: ${value}. Ciérralas, o pon una barra invertida delante.`,
  RECIPE_UNKNOWN: ({ recipe, recipes, suggestion }) =>
    `No hay ninguna receta «${recipe}».${meant(suggestion)} Existen ${and(recipes)}; las tuyas van en el archivo de configuración, en "recipes".`,

  DEVICE_UNAVAILABLE: ({ device, available, reason }) =>
    `El dispositivo ${device} no se puede usar aquí: ${reason}. Elige --device ${or(available)}.`,
  DEVICE_NO_HALF: ({ device, reason }) =>
    `El dispositivo ${device} no calcula aquí en media precisión (${reason}). Entrena con --precision float32.`,
  HALF_OVERFLOW: ({ network }) =>
    `Los gradientes de la red «${network}» son demasiado grandes para la media precisión, por poco que se escalen. Los pesos de antes se conservan: sigue con --precision float32, o desde un checkpoint anterior con un --lr menor.`,
  ENGINE_MEMORY: ({ what, reason }) =>
    `No alcanzó la memoria para ${what} (${reason}). Usa --batch-sizes más pequeños, menos --channels, un --end menor u otro --device; los pesos guardados siguen intactos.`,
  ENGINE_FAILED: ({ what, reason }) =>
    `El motor de cálculo falló en ${what}: ${reason}. Prueba con --device cpu; los pesos guardados siguen intactos.`,
  ENGINE_DIED: ({ reason }) =>
    `El motor de cálculo murió a mitad de su trabajo (${reason}). Repite el mismo comando; si vuelve a pasar, usa --batch-sizes más pequeños u otro --device.`,
  ENGINE_HUNG: ({ seconds }) =>
    `El motor de cálculo lleva ${duration(seconds)} sin responder, así que ya no se le espera. Repite el mismo comando; si vuelve a pasar, reinicia el ordenador, actualiza el controlador de la tarjeta o usa --device cpu.`,

  TORCH_FILE_UNREADABLE: ({ file, reason, detail }) => torchUnreadable(file, reason, detail),
  TORCH_FILE_INVALID: ({ file, ...what }) =>
    `${file} no sirve: ${torchProblem(what)} (${torchPlace(what)}). ${torchProblemAdvice(file, what)}`,
  TORCH_FILE_REFUSED: ({ file, name, offset }) =>
    `${file} pide ejecutar ${name} (byte ${integer(offset)}), y aquí jamás se ejecuta nada de lo que trae un .pth. guardapesos inspeccionar --skip-unknown muestra los tensores de alrededor, sin ejecutar nada. Si te fías del archivo, ábrelo en PyTorch y vuelve a guardar su state_dict.`,
  TORCH_FILE_UNSUPPORTED: ({ file, ...content }) =>
    `${file} no se admite: ${torchFeature(content)}. ${torchFeatureAdvice(file, content)}`,

  WEIGHTS_NOT_WRITABLE: ({ folder, reason }) =>
    `No se puede escribir en la carpeta de pesos ${folder} (${reason}). Indica otra con --weights o cambia sus permisos; los checkpoints que ya estaban siguen como estaban.`,
  WEIGHTS_FOLDER_GONE: ({ folder }) =>
    `La carpeta de pesos ${folder} ya no está: se ha borrado o renombrado, ella o los checkpoints que tenía, o se ha desmontado su disco. Recupérala, o indica otra con --weights.`,
  WEIGHTS_IN_USE: ({ folder, pid, since, host, purpose, unreadable }) => {
    if (unreadable !== undefined)
      return `Puede que alguien esté escribiendo en ${folder}: quién es no se puede leer en ${unreadable}, como tras un corte de luz. Inténtalo dentro de un minuto, cuando se le dé por terminado; no se ha tocado nada.`;
    const where = host === undefined ? "" : ` de ${host}`;
    const who = `Otro guardapesos (${purpose === undefined ? "" : `${purposes[purpose]}, `}proceso ${pid}${where}, desde ${moment(since)}) está escribiendo en ${folder}.`;
    const silent =
      host === undefined ? "" : " Si allí lo mataron, se le da por terminado tras un minuto de silencio.";
    return purpose === undefined || purpose === "train"
      ? `${who} Detén primero aquel, o dale a este otra carpeta con --weights; no se ha tocado nada.${silent}`
      : `${who} Termina solo: inténtalo entonces; no se ha tocado nada.${silent}`;
  },
  DISK_FULL: ({ folder, needed, free, files }) =>
    files !== undefined
      ? `En el disco de ${folder} ${files === 0 ? "no cabe ningún archivo más" : `solo ${files === 1 ? "cabe 1 archivo" : `caben ${integer(files)} archivos`} más`}, por pequeños que sean (se han agotado sus inodos). Borra archivos de ese disco; los checkpoints que ya había están enteros.`
      : `El disco de ${folder} está lleno: un checkpoint necesita ${bytes(needed)} y quedan ${bytes(free)}. Libera espacio; los checkpoints que ya estaban siguen intactos.`,
  SAVE_FAILED: ({ folder, reason }) =>
    `No se pudo escribir un checkpoint en ${folder}: ${reason}. Los checkpoints que ya estaban siguen intactos.`,
  SAVE_NOT_VERIFIED: ({ id, ...damage }) =>
    `El checkpoint ${id} se escribió, pero al volver a leerlo salió otra cosa (${damageOf(damage)}), así que no cuenta. Los checkpoints anteriores siguen intactos; revisa ese disco.`,
  ARTIFACT_CHANGED: ({ file }) =>
    `${file} cambió, o desapareció, mientras se copiaba a los checkpoints, así que esa copia se ha descartado. El fichero mismo no se ha tocado y los checkpoints anteriores siguen intactos; cuando esté escrito hasta el final se podrá guardar.`,
  CHECKPOINT_NOT_FOUND: ({ reference, known }) =>
    known.length === 0
      ? `No existe el checkpoint «${reference}»: la carpeta de pesos no tiene ninguno. Revisa --weights.`
      : `No existe el checkpoint «${reference}». Los más recientes son ${and(known)}; los tienes todos en guardapesos listar.`,
  FOREIGN_NOT_FOUND: ({ folder }) =>
    `No hay ningún checkpoint en ${folder}: ni un archivo .pth, .pt, .ckpt o .safetensors, ni una carpeta como las del Trainer de Hugging Face, Accelerate o torch.distributed.checkpoint. Revisa la ruta.`,
  SERIES_NOT_FOUND: ({ folder, class: wanted, name, known }) => {
    const asked = [
      ...(wanted === undefined ? [] : [`la clase ${wanted}`]),
      ...(name === undefined ? [] : [`el nombre ${name}`]),
    ];
    const there = known.map((one) => `${one.class} (${one.name})`);
    return `No hay ningún checkpoint de ${and(asked)} en ${folder}, o podrían ser varios. ${there.length === 0 ? "No contiene ninguno." : `Contiene los de ${and(there)}: escribe la clase como está ahí, y el nombre, que va entre paréntesis.`}`;
  },
  CHECKPOINT_OF_OTHERS: ({ id, class: wanted, other, label, name }) => {
    const ways = `Para seguir desde él de todos modos, --resume ${id}; para empezar de cero a su lado, --fresh`;
    if (other !== undefined) {
      const others = other === null ? "imágenes sintéticas" : `la clase ${other}`;
      return `El checkpoint ${id} lleva los nombres de este entrenamiento, ${label} y ${name}, pero es de ${others}. No se ha empezado ni se ha tocado nada. ${ways}, o con otro --name.`;
    }
    return wanted === undefined
      ? `El checkpoint ${id} no se entrenó con imágenes sintéticas. Indica sus imágenes con --data (y --class). No se ha empezado ni se ha tocado nada. ${ways}.`
      : `El checkpoint ${id}, llamado ${label} y ${name}, no dice de qué clase es, como los de versiones anteriores, y no se entrenó con las imágenes de ${wanted} tal como están ahora. No se ha empezado ni se ha tocado nada. ${ways}.`;
  },
  CHECKPOINT_DAMAGED: ({ id, ...damage }) =>
    `El checkpoint ${id} está dañado: ${damageOf(damage)}. Se ha dejado como está; guardapesos listar muestra los demás y las copias de seguridad, --resume admite cualquiera de ellos, y --fresh empieza de cero sin tocar ninguno.`,
  CHECKPOINT_ARCHITECTURE: ({ id, differences, options }) =>
    `El checkpoint ${id} es de otra red: ${differences.join("; ")}. ${options ? "Quita esas opciones para seguir con sus propios tamaños, o empieza de cero con --fresh" : "Aquí solo se entrena y se dibuja la ProGAN de guardapesos: guardapesos inspeccionar muestra lo que tiene el archivo"}; no se ha tocado nada.`,
  CHECKPOINT_PAIR_MISMATCH: ({ generator, critic, partner }) =>
    `${generator} y ${critic} no se guardaron juntos, así que seguir entrenando con ellos saldría mal.${partner === undefined ? " Da dos archivos del mismo guardado." : ` Su pareja es ${partner}.`}`,
  LOOSE_PAIR_AMBIGUOUS: ({ folder, files }) =>
    files.length === 1
      ? `En ${folder} no hay checkpoints, pero sí una pareja de archivos que puede ser de otra clase: ${and(files)}. Sigue desde ella con --resume, o empieza de cero con --fresh; no se ha tocado nada.`
      : `En ${folder} hay varias parejas de archivos que podrían ser: ${and(files)}. Di cuál con --resume, o empieza de cero con --fresh; no se ha tocado nada.`,
  CHECKPOINT_PARTNER_MISSING: ({ file, partner }) =>
    `${file} es la mitad de una pareja y falta la otra: ${partner}. Pon las dos en la misma carpeta, o da el archivo del crítico con --critic; no se ha tocado nada.`,
  CHECKPOINT_PARTNER_AMBIGUOUS: ({ file, network, candidates }) =>
    `${file} es la mitad de una pareja, y varios archivos podrían ser la otra (el ${networkName(network)}): ${and(candidates)}. Di cuál: --resume lleva el archivo del generador y --critic el del crítico; no se ha tocado nada.`,
  CHECKPOINT_OTHER_NETWORK: ({ file, holds, wanted }) =>
    `${file} tiene un ${networkName(holds)}, no un ${networkName(wanted)}, según los nombres de sus pesos. Da cada archivo por lo que es: el del generador con --resume y el del crítico con --critic; no se ha tocado nada.`,
  STATE_DICT_AMBIGUOUS: ({ file, network, names }) =>
    `${file} tiene varios state_dict${network === undefined ? "" : ` de un ${networkName(network)}`}: ${and(names)}. Di cuál con --state-dict, por ejemplo --state-dict ${names[0]}.`,
  STATE_DICT_UNKNOWN: ({ file, wanted, names }) =>
    `${file} no tiene ningún state_dict llamado ${wanted}. Tiene ${and(names)}: elige con --state-dict.`,
  CHECKPOINT_FORMAT_NEWER: ({ id, format }) =>
    `El checkpoint ${id} lo escribió un guardapesos más nuevo (formato ${format}). Actualiza guardapesos para leerlo; no se ha tocado nada.`,
  PROGRESS_UNREADABLE: ({ id, where, detail }) =>
    `El checkpoint ${id} no dice de un modo que esta versión entienda dónde estaba su entrenamiento (${where === "" ? "" : `${where}: `}${detail}), así que no se sigue desde él. Elige otro con --resume (guardapesos listar los muestra), actualiza guardapesos si lo escribió una versión más nueva, o empieza de cero con --fresh; no se ha tocado nada.`,
  NOT_A_WEIGHTS_FOLDER: ({ folder }) =>
    `${folder} no es una carpeta de pesos: no contiene checkpoints ni archivos .pth. Indica con --weights la carpeta en la que escribió el entrenamiento; no se ha tocado nada.`,
  LINK_LEADS_NOWHERE: ({ path }) =>
    `${path} es un enlace, y aquello a lo que lleva no está. ¿Está montado ese disco? No se ha escrito nada.`,
  FOLDER_IS_LINK: ({ folder }) =>
    `${folder} es un enlace. Dentro de una carpeta de pesos no se siguen enlaces, para no leer, escribir ni borrar nada fuera de ella. Pon ahí la carpeta misma, o haz que el enlace sea la carpeta de pesos entera (--weights); no se ha tocado nada.`,
  CONFIRMATION_NEEDED: ({ newest }) =>
    `Restaurar convierte una copia en el checkpoint más reciente, y aquí no se puede preguntar cuál. Nómbrala (guardapesos restaurar ${newest}), o toma la última con --yes; no se ha tocado nada.`,
  NO_BACKUP: ({ folder }) =>
    `No hay ninguna copia de seguridad en ${folder}. El entrenamiento hace una cada día, y guardapesos respaldar la hace ahora; guardapesos restaurar también admite el id de un checkpoint.`,
  NOTHING_TO_GENERATE_FROM: ({ folder }) =>
    `No hay ningún checkpoint en ${folder} del que generar. Entrena antes con guardapesos entrenar, o indica la carpeta con --weights.`,

  TRAINING_DIVERGED: ({ id, values, good }) =>
    `El entrenamiento ha divergido: ${integer(values)} ${values === 1 ? "valor" : "valores"} de sus últimos pesos (${id}) no son números, y ningún paso más los arregla. ${good === undefined ? "Nunca los hubo buenos: empieza de cero con --fresh y un --lr menor." : `Sigue desde los últimos buenos (${good}) con un --lr menor.`}`,
  WEIGHTS_NOT_FINITE: ({ id, values, chosen = false }) =>
    chosen
      ? `${id} no se puede usar: ${integer(values)} de sus valores no son números, como cuando el entrenamiento diverge, así que no hay nada que dibujar ni que entrenar con él. Elige otro (guardapesos listar los muestra); no se ha tocado nada.`
      : `El entrenamiento había divergido cuando se guardó ${id} (${integer(values)} valores que no son números), y no hay otro checkpoint que sirva en su lugar. Empieza de cero con --fresh y un --lr menor, o recupera una copia con guardapesos restaurar; no se ha tocado nada.`,
  SENSOR_UNAVAILABLE: ({ sensor, reason }) =>
    `No se puede leer la temperatura con --sensor ${sensor}: ${reason}. Elige otro --sensor, o entrena sin ninguno: --sensor none.`,
  TRACE_UNREADABLE: ({ file, reason }) =>
    `No se puede leer la traza de temperaturas ${file}: ${reason}. Revisa la ruta que va tras --sensor simulated:.`,
  TRACE_INVALID: ({ file, line, reason }) =>
    `${file} no es una traza de temperaturas: línea ${line} (${reason}). Se admite CSV con "seconds,temperature", JSON con esos nombres, o un registro de nvidia-smi con timestamp; mira docs/heat.md.`,
  THRESHOLDS_ORDER: ({ low, lowValue, high, highValue }) =>
    `${low} (${lowValue} °C) debe estar por debajo de ${high} (${highValue} °C). Cambia uno de los dos.`,
  ENDED_WITHOUT_ANSWER: ({ pid, newest }) =>
    `El proceso ${pid} terminó sin decir nada: lo mataron o se reinició el ordenador. ${newest === undefined ? "Todavía no hay ningún checkpoint completo." : `El checkpoint completo más reciente es ${newest}; guardapesos entrenar sigue desde él.`}`,
  OUTPUT_EXISTS: ({ path, option }) =>
    `${path} ya existe, y nunca se escribe encima de otro archivo. Indica otro nombre, ${option === undefined ? "o retira ese antes" : `retira ese antes o añade ${option}`}.`,
  OUTPUT_INCOMPLETE: ({ path, reason }) =>
    path === undefined
      ? `No se pudo escribir lo que este comando tenía que decir (${reason}): no está todo. A los checkpoints no les afecta. Haz sitio, o envía la salida a otro lugar.`
      : `Ya no se puede escribir en ${path} (${reason}). Lo escrito antes está entero. Haz sitio y empieza otro archivo.`,
  OUTPUT_NOT_WRITABLE: ({ path, reason }) => `No se puede escribir ${path} (${reason}). Indica otro lugar.`,
};
