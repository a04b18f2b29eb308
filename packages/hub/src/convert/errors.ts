/** Whatever keeps a checkpoint from being converted. Catch this for all of them. */
export class ConvertError extends Error {
  override name = 'ConvertError';
}

/** There is something at the place where the converted checkpoint should go. It is left as it is. */
export class OutputExistsError extends ConvertError {
  override name = 'OutputExistsError';
  constructor(
    readonly out: string,
    detail = 'it exists',
  ) {
    super(`Cannot write the checkpoint ${out}: ${detail}. Choose another name, or remove it first`);
  }
}

/** The folder cannot be made where it should be. */
export class OutputPlaceError extends ConvertError {
  override name = 'OutputPlaceError';
  /** What the system calls it, such as `EROFS`. */
  readonly code: string;
  constructor(
    readonly out: string,
    cause: NodeJS.ErrnoException,
  ) {
    const { code = cause.name, path } = cause;
    const reason = placeReasons[code] ?? cause.message;
    const where = path === undefined ? code : `${code} at ${path}`;
    super(`Cannot make the folder ${out}: ${reason} (${where}). Name another place for it`, {
      cause,
    });
    this.code = code;
  }
}

const placeReasons: Readonly<Record<string, string>> = {
  EROFS: 'what is there can only be read',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  ENOENT: 'nothing can be made there',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a part of its path is a file',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk has no room left for you',
};

/** An option that would change nothing: the caller expects something else. Nothing was written. */
export class OptionError extends ConvertError {
  override name = 'OptionError';
  constructor(
    readonly option: string,
    reason: string,
  ) {
    super(`${option} would change nothing: ${reason}. Leave it out`);
  }
}

/** Another process, or this one, is writing a checkpoint to the same place. Nothing was written. */
export class OutputBusyError extends ConvertError {
  override name = 'OutputBusyError';
  constructor(
    readonly out: string,
    /** Such as `process 4711 on host`. */
    readonly holder: string,
  ) {
    super(
      `Cannot write the checkpoint ${out}: ${holder} is writing it. Wait until it is done, or choose another name`,
    );
  }
}

/** The disk has too little room. Finished files are kept, so that a second run goes on with them. */
export class DiskFullError extends ConvertError {
  override name = 'DiskFullError';
  constructor(
    readonly folder: string,
    readonly neededBytes: number,
    readonly freeBytes: number,
  ) {
    super(
      `Cannot write ${folder}: ${gigabytes(neededBytes)} are still to be written, and ${gigabytes(freeBytes)} are free. ` +
        'Make room and run it again: it goes on where it was. Or choose another place, or smaller weights',
    );
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

interface WeightRangeDetail {
  readonly format: string;
  readonly reason: string;
  readonly remedy: string;
}

/** A weight has numbers that its format cannot hold. Finished files are kept, and no checkpoint made. */
export class WeightRangeError extends ConvertError {
  override name = 'WeightRangeError';
  constructor(
    /** As the model calls it. */
    readonly weight: string,
    /** Names of the tensors that it is made of. */
    readonly tensors: readonly string[],
    readonly number: number,
    /** What it was to be stored as, why that is impossible, and what would mend it. */
    { format, reason, remedy }: WeightRangeDetail,
  ) {
    const found = Number.isFinite(number) ? number.toPrecision(4) : String(number);
    super(
      `Cannot store ${tensors.join(', ')} (${weight}) as ${format}: ${found} is among its numbers, and ${reason}. ${remedy}`,
    );
  }
}

/** The folder is not a checkpoint that can be converted. Nothing was written. */
export class SourceError extends ConvertError {
  override name = 'SourceError';
  constructor(
    readonly source: string,
    detail: string,
  ) {
    super(`Cannot convert ${source}: ${detail}`);
  }
}

/** The checkpoint that should mend what AWQ left wrong does not fit the source. Nothing was written. */
export class RepairError extends ConvertError {
  override name = 'RepairError';
  constructor(
    readonly repairWith: string,
    detail: string,
  ) {
    super(`Cannot repair low-rank additions with ${repairWith}: ${detail}`);
  }
}

/** A file of a converted checkpoint is missing, or not as it was written. */
export class DamagedFileError extends ConvertError {
  override name = 'DamagedFileError';
  constructor(
    readonly folder: string,
    readonly file: string,
    detail: string,
  ) {
    super(
      `${file} of the converted checkpoint ${folder} ${detail}. ` +
        'Convert the checkpoint again, or copy the folder anew from where it is whole',
    );
  }
}
