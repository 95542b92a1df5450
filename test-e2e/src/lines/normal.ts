/** What is another thing in each run, and where an engine lies, told alike. Columns shrink with it: runs of blanks are two. */
export function normal(text: string, places: Readonly<Record<string, string>>): string {
  let told = text;
  for (const [name, path] of Object.entries(places)) told = told.replaceAll(path, name);
  return told
    .replace(/\r/g, '')
    .replace(/\b[0-9a-f]{64}\b/g, 'ID')
    .replace(/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12}\b/g, 'SHORT')
    .replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|[+-]\d\d:?\d\d))?( [A-Z]{3})?/g, 'TIME')
    .replace(
      /\b(Less than a second|About a minute|(\d+|an?) (second|minute)s?)\b( ago)?/g,
      (_all, _n, _x, _y, ago: string = '') => `AGE${ago}`,
    )
    .replace(/ {2,}/g, '  ')
    .replace(/[ \t]+$/gm, '')
    .trimEnd();
}
