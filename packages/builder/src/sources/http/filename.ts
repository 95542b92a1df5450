/** The file's name: the one that was asked for, the server's, the last part of the path, or `download`. Whatever a server says, it is one component. */
export function fileName(url: URL, asked: string, disposition: string): string {
  if (asked !== '') return asked;
  const told = /;\s*filename\*?=(?:UTF-8'')?"?([^";]+)"?/i.exec(disposition)?.[1] ?? '';
  return safe(told) ?? safe(decoded(url.pathname)) ?? 'download';
}

function safe(path: string): string | undefined {
  const name = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return name === '' || name === '.' || name === '..' || name.includes('\0') || Buffer.byteLength(name) > 255 ? undefined : name;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
