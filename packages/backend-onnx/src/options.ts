import { availableParallelism } from 'node:os';
import { missingKernels } from './kernels.ts';
import { processorsOfLinux } from './processors.ts';
import { type ProviderName, providerNames } from './providers.ts';

export interface OnnxOptions {
  /** What runs the operators. Default: `'cpu'`. */
  readonly provider?: ProviderName;
  /** Threads that work on one run. Default: the physical cores this process may use. */
  readonly threads?: number;
  /**
   * How exactly weights in blocks of 4 or 8 bits are multiplied on the CPU: 4 rounds activations to
   * int8 (an error of about 5e-3, several times faster), 1 computes in float32. Default: 4.
   */
  readonly accuracyLevel?: AccuracyLevel;
  /**
   * Copies dense weights into the layout of their kernels at compile: 7 % faster for one row or for
   * hundreds, up to twice as fast for 4 to 16 rows, and twice the memory. Default: false.
   */
  readonly prepack?: boolean;
  /**
   * Whose kernels multiply by weights in blocks on the CPU, and attend to caches: ours, which
   * read a file where it stands, or those of ONNX Runtime, which pack a copy. Default: ours, where
   * accuracyLevel is 4 and there are such (Linux on x64 with AVX-512 VNNI).
   */
  readonly kernels?: Multiplier;
  /**
   * Weights in blocks that kernels of ours multiply by stand in their file, which is mapped: a model opens at once.
   * Linux reads them faster where they stand in memory of this process, in pages of 2 MB, and they are moved there
   * while the model already answers, `'first'` before it opens, or `'never'`: then they stay the file's pages, which
   * processes share and the system takes back when it needs memory. As much again stays free, or nothing moves; nor
   * does it where Linux refuses. Default: `'meanwhile'`.
   */
  readonly largePages?: LargePagesOption;
  /** The native library to load. Default: the one onnxruntime-node carries. */
  readonly library?: string;
}

const largePagesOptions = ['meanwhile', 'first', 'never'] as const;
/** When weights move into large pages. */
export type LargePagesOption = (typeof largePagesOptions)[number];

/** MatMulNBits' accuracy_level: unset, float32, float16, bfloat16, int8. */
export type AccuracyLevel = 0 | 1 | 2 | 3 | 4;

export const multipliers = ['lingbi', 'onnxruntime'] as const;
/** Whose kernels multiply by encoded weights: ours, where these stand, or ONNX Runtime's, which pack a copy. */
export type Multiplier = (typeof multipliers)[number];

export interface Settings {
  readonly provider: ProviderName;
  readonly threads: number;
  readonly accuracyLevel: AccuracyLevel;
  readonly prepack: boolean;
  readonly library: string | undefined;
  /** Whether kernels of ours multiply by blocks, where these stand, and attend to caches. */
  readonly ownKernels: boolean;
  /** When what those multiply by moves out of its file. */
  readonly largePages: LargePagesOption;
}

/** Whether kernels of encoded weights may round activations to int8. */
export function roundsActivations({ provider, accuracyLevel }: Settings): boolean {
  return provider === 'cpu' && accuracyLevel === 4;
}

/** Fills in what was not said; `missing` is why there are no kernels of ours. @throws RangeError for what cannot be. */
export function settle(
  options: OnnxOptions,
  missing: string | undefined = missingKernels(),
): Settings {
  const {
    provider = 'cpu',
    threads = physicalCores(),
    accuracyLevel = 4,
    prepack = false,
    largePages = 'meanwhile',
  } = options;
  if (!providerNames.includes(provider)) {
    throw new RangeError(
      `onnx: there is no provider "${provider}", only ${providerNames.join(', ')}`,
    );
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`onnx: threads must be a whole number above 0, but it is ${threads}`);
  }
  if (![0, 1, 2, 3, 4].includes(accuracyLevel)) {
    throw new RangeError(`onnx: accuracyLevel must be 0 to 4, but it is ${accuracyLevel}`);
  }
  if (!largePagesOptions.includes(largePages)) {
    throw new RangeError(
      `onnx: largePages must be ${largePagesOptions.join(', ')}, but it is "${largePages}"`,
    );
  }
  const { library } = options;
  const settings = { provider, threads, accuracyLevel, prepack, largePages, library };
  const ownKernels = choosesKernels(options.kernels, settings, missing);
  if (largePages === 'first' && !ownKernels) {
    throw new RangeError(
      "onnx: largePages cannot be 'first', for it moves weights that kernels of ours multiply by, and there are none here. Leave the option out",
    );
  }
  return { ...settings, ownKernels };
}

function choosesKernels(
  asked: OnnxOptions['kernels'],
  { provider, accuracyLevel }: Pick<Settings, 'provider' | 'accuracyLevel'>,
  missing: string | undefined,
): boolean {
  if (asked !== undefined && !multipliers.includes(asked)) {
    throw new RangeError(`onnx: kernels must be ${multipliers.join(' or ')}, but it is "${asked}"`);
  }
  if (asked === 'onnxruntime') return false;
  const reason =
    provider !== 'cpu'
      ? `they run on the provider cpu, not on ${provider}`
      : accuracyLevel !== 4
        ? `they round activations, as accuracyLevel 4 does, not ${accuracyLevel}`
        : missing;
  if (asked === undefined || reason === undefined) return reason === undefined;
  throw new RangeError(
    `onnx: kernels cannot be 'lingbi' here, for ${reason}. Leave the option out to take what there is`,
  );
}

/** Two threads of one core share its arithmetic units: a second gains nothing on matrices. */
function physicalCores(): number {
  const cores = coresOfLinux() ?? availableParallelism();
  return Math.max(1, Math.min(cores, availableParallelism()));
}

function coresOfLinux(): number | undefined {
  const processors = processorsOfLinux();
  if (!processors) return undefined;
  const cores = processors.map((each) => each.match(/^(physical id|core id)\s*:.*$/gm)?.join());
  return cores.includes(undefined) ? undefined : new Set(cores).size;
}
