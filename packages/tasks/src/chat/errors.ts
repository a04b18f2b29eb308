/** A chat was asked again before its answer had ended. */
export class ChatBusyError extends Error {
  override readonly name = 'ChatBusyError';
  constructor() {
    super('This chat is still answering: read that answer to its end, or open another');
  }
}
