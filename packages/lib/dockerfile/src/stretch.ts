/** What a stretch of text becomes, whole and in words. */
export interface Stretch {
  readonly word: string;
  readonly words: string[];
}

/** A stretch in the making. */
export class Result implements Stretch {
  word = '';
  readonly words: string[] = [];
  private open: string | undefined;

  /** Quoted: belongs to the word whatever it is. */
  raw(text: string): void {
    this.word += text;
    this.open = (this.open ?? '') + text;
  }

  plain(text: string): void {
    this.word += text;
    for (const char of text) {
      if (!/\s/.test(char)) this.open = (this.open ?? '') + char;
      else this.close();
    }
  }

  close(): void {
    if (this.open !== undefined && this.open !== '') this.words.push(this.open);
    this.open = undefined;
  }
}
