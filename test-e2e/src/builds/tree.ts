import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { extract, type Header } from 'tar-stream';

/** Every entry of a tar by its path, as one line: type, mode, owner, time, target of a link, content, xattrs. Times of after `since` are `now`. */
export async function treeOf(tar: string, since: number): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  const reader = extract();
  createReadStream(tar).pipe(reader);
  for await (const entry of reader) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    const { header } = entry;
    tree.set(header.name.replace(/\/$/, ''), lineOf(header, Buffer.concat(parts), since));
  }
  return tree;
}

function lineOf(header: Header, content: Buffer, since: number): string {
  const time = header.mtime?.getTime() ?? 0;
  const said = [
    header.type ?? 'file',
    (header.mode ?? 0).toString(8).padStart(4, '0'),
    `${header.uid ?? 0}:${header.gid ?? 0}`,
    time >= since ? 'now' : new Date(time).toISOString().slice(0, 19),
  ];
  if (header.linkname) said.push(`-> ${header.linkname}`);
  if (header.type === 'file') said.push(contentOf(content));
  for (const [key, value] of Object.entries(header.pax ?? {}))
    if (key.startsWith('SCHILY.xattr.')) said.push(`${key.slice('SCHILY.xattr.'.length)}=${value}`);
  return said.join(' ');
}

function contentOf(content: Buffer): string {
  const text = content.toString();
  if (content.length <= 400 && /^[\x20-\x7e\n\t]*$/.test(text)) return JSON.stringify(text);
  return `${content.length} bytes ${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
}
