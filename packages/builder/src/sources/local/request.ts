/** What of a client's folder is wanted. */
export interface FolderWish {
  readonly name: string;
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  readonly follow: readonly string[] | undefined;
}

/** Metadata of FileSync/DiffCopy. Patterns with characters that a header cannot have are escaped, and a second key says so. */
export function folderMetadata({ name, include, exclude, follow }: FolderWish): Readonly<Record<string, readonly string[]>> {
  const wishes = { 'include-patterns': include, 'exclude-patterns': exclude, followpaths: follow, 'dir-name': [name] };
  return Object.fromEntries(
    Object.entries(wishes).flatMap(([key, values]) => {
      if (values === undefined) return [];
      if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return [[key, values] as const];
      return [
        [key, values.map(queryEscape)],
        [`${key}-encoded`, ['1']],
      ] as const;
    }),
  );
}

/** As Go's url.QueryEscape. */
const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
