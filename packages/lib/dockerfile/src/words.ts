import type { Escape } from './lines';

/** Words between white space; quotes and escapes are seen and left in place. A quote that is not closed ends with the text. */
export function splitWords(text: string, escape: Escape = '\\'): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let quoted = false;
  const close = (): void => {
    if (quoted || word !== '') words.push(word);
    word = '';
    quoted = false;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote === '' && /\s/.test(char)) {
      close();
      continue;
    }
    if (char === escape && quote !== "'") {
      if (at + 1 < text.length) word += char + (text[++at] ?? '');
      continue; // the last character escapes nothing
    }
    if (quote === char) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      quoted = true;
    }
    word += char;
  }
  close();
  return words;
}
