/** A service that finds pictures fails, or answers something else than pictures. */
export class ImageServiceError extends Error {
  override readonly name = 'ImageServiceError';
  constructor(
    readonly host: string,
    cause: unknown,
  ) {
    super(
      `Searching pictures at ${host}: ${(cause as Error).message}. ` +
        'Check the address and its key, or take folderImages() for pictures of your own',
      { cause },
    );
  }
}

/** The file that keeps an unfinished article is not one, or belongs to another article. */
export class ComposeStateError extends Error {
  override readonly name = 'ComposeStateError';
  constructor(
    readonly path: string,
    detail: string,
  ) {
    super(
      `Resuming the article in "${path}": ${detail}. ` +
        'Give the same instruction and options as before, or another folder',
    );
  }
}

/** An edit names a section or picture that is not there, or lacks what it needs. */
export class ArticleEditError extends RangeError {
  override readonly name = 'ArticleEditError';
}
