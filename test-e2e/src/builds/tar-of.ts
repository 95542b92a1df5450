import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** A tar of files by name; names that end in a slash are folders. All are of 2001 and of root. */
export async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) {
    const folder = name.endsWith('/');
    tar.entry({ name, type: folder ? 'directory' : 'file', mode: folder ? 0o755 : 0o644, mtime: new Date(1_000_000_000_000) }, content);
  }
  tar.finalize();
  return buffer(tar);
}
