/** The literals of a family of chat models: data, no behaviour. Ids are looked up in the vocabulary. */
export interface ChatFamily {
  readonly name: string;
  /** Opens a turn; the role's name and a line feed follow. */
  readonly turnStart: string;
  /** Closes a turn; a line feed follows. */
  readonly turnEnd: string;
  /** Every spelling of `turnEnd` that may come up in generated text. */
  readonly turnEndSpellings: readonly string[];
  readonly roles: { readonly system: string; readonly user: string; readonly assistant: string };
  readonly begin: string;
  readonly end: string;
  /** Where an image goes; removed before tokenizing. */
  readonly imagePlaceholder: string;
  /** What introduces one of several images; `{number}` counts from 1. */
  readonly imageLabel: string;
  /** Positions a prompt may take by default, images included. */
  readonly maxLength: number;
  /** System texts the model was trained or demonstrated with. */
  readonly metaTexts: { readonly chat: string; readonly write: string };
}
