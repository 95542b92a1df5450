/** The character that quotes the next one and lets a line go on. */
export type Escape = '\\' | '`';

/**
 * Lines of a text as instructions: comments and empty lines are left out, also between the parts of an instruction that goes on in the next line. An
 * escape at the very end of the text is dropped.
 */
export function logicalLines(text: string, escape: Escape = '\\'): string[] {
  const found: string[] = [];
  let open: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(#|$)/.test(line)) continue;
    const trimmed = line.trimEnd();
    const goesOn = trimmed.endsWith(escape) && !trimmed.endsWith(escape + escape); // an escaped escape is one character
    const part = goesOn ? trimmed.slice(0, -1) : line;
    open = open === undefined ? part.trimStart() : open + part;
    if (goesOn) continue;
    found.push(open.trimEnd());
    open = undefined;
  }
  if (open !== undefined && open.trim() !== '') found.push(open.trimEnd());
  return found;
}
