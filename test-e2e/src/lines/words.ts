/** Commands of docker in a line of shell, each as its words; `docker` itself is left out. Quotes are taken off, what they hold stays one word. */
export function dockerCommands(line: string): string[][] {
  return Array.from(line.matchAll(/(?:^|[\s(;&|"'`])docker\s+/g), ({ index, 0: { length } }) => wordsFrom(line, index + length));
}

function wordsFrom(line: string, start: number): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let depth = 0;
  for (const char of line.slice(start)) {
    if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (depth === 0 && (char === "'" || char === '"')) {
      quote = char;
      word ??= '';
    } else if (char === '(') {
      depth++;
      word = (word ?? '') + char;
    } else if (char === ')' && depth > 0) {
      depth--;
      word += char;
    } else if (depth === 0 && /[|;&)<>]/.test(char)) break;
    else if (depth === 0 && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return words;
}
