/** A hash by which a hub publishes the content of a file. Git's is over `blob <bytes>\0` and the content. */
export interface PublishedHash {
  readonly algorithm: 'sha256' | 'git-sha1';
  readonly hex: string;
}

/** A file of a repository, checked: its hash is one, and its size a count. Its path is not yet. */
export interface RemoteFile {
  readonly path: string;
  readonly bytes: number;
  readonly hash: PublishedHash;
}

export interface Listing {
  /** 40 hexadecimal digits that mean this very list of files. */
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

/** What a hub calls things. Knows nothing of the disk or of how bytes are fetched. */
export interface Hub {
  readonly name: string;
  /** Name of the variable that holds a token. */
  readonly tokenVariable: string;
  /** The files of a branch, tag or commit. */
  list(revision: string): Promise<Listing>;
  /** Where a file of a listed revision is to be had. */
  fileAddress(path: string, listing: Listing, revision: string): URL;
  /** The page of the repository, for people. */
  readonly page: string;
}
