/** What a repository may ask of the disk and the memory; whoever uploaded it chose the numbers. */
export interface PullLimits {
  /** Files in the repository. 5,000 by default; a checkpoint of this family has about 30. */
  readonly files: number;
  /** Bytes of the chosen files together. 256 GiB by default; the largest of the family takes 22 GB. */
  readonly bytes: number;
  /** Bytes of one page of the list of files, and of any other metadata. 32 MiB by default. */
  readonly listingBytes: number;
}

export const defaultLimits: PullLimits = {
  files: 5000,
  bytes: 256 * 2 ** 30,
  listingBytes: 32 * 2 ** 20,
};
