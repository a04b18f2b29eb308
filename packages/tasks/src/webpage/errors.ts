/** The file of a résumé cannot be read as text. */
export class ResumeNotReadableError extends Error {
  override readonly name = 'ResumeNotReadableError';
  constructor(
    readonly path: string,
    cause: unknown,
  ) {
    super(
      `Reading the résumé "${path}": ${(cause as Error).message}. ` +
        'Give the path of a Markdown or text file in UTF-8, or the text itself as { text }',
      { cause },
    );
  }
}
