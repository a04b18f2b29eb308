/** A picture that was found or uploaded for a section. */
export interface Candidate {
  /** What its source calls it. */
  readonly id: string;
  /** Where it lies, relative to the article's folder. */
  readonly file: string;
}

/** The picture after a section: one of several candidates. */
export interface SectionPicture {
  /** Empty for uploads. */
  readonly caption: string;
  readonly candidates: readonly Candidate[];
  /** Which candidate is shown. */
  readonly selected: number;
}

export interface ArticleSection {
  readonly text: string;
  readonly picture?: SectionPicture;
}

/** An illustrated article: plain data, changed by making another. */
export interface Article {
  readonly instruction: string;
  readonly sections: readonly ArticleSection[];
}

/** The candidate that is shown; none when the selection names none. */
export function shownPicture({ picture }: ArticleSection): Candidate | undefined {
  return picture?.candidates[picture.selected];
}
