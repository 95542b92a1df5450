import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { BuildCase } from '../case';
import { packedBy, smallTar } from '../small-tar';

const web = 'http://127.0.0.1:8000';

/** ADD: archives, addresses, repositories. */
export const add: readonly BuildCase[] = [
  { name: 'ADD of a file and a folder', rows: ['ADD'], dockerfile: 'FROM scratch\nADD a /x/\nADD d /y\n', files: { a: 'a', 'd/f': 'f' } },
  {
    name: 'ADD unpacks by content, whatever the name',
    rows: ['ADD'],
    dockerfile: 'FROM scratch\nADD plain /plain/\nADD gz /gz/\nADD bz2 /bz2/\nADD xz /xz/\nADD zst /zst/\n',
    files: {
      plain: { content: smallTar },
      gz: { content: gzipSync(smallTar) },
      bz2: { content: packedBy('bzip2') },
      xz: { content: packedBy('xz') },
      zst: { content: zstdCompressSync(smallTar) },
    },
  },
  {
    name: 'ADD of a gzip of a file copies it',
    rows: ['ADD'],
    dockerfile: 'FROM scratch\nADD file.gz /x/\n',
    files: { 'file.gz': { content: gzipSync('no tar\n') } },
  },
  {
    name: 'ADD --unpack=false keeps an archive',
    rows: ['ADD --unpack'],
    dockerfile: 'FROM scratch\nADD --unpack=false a.tar /x/\n',
    files: { 'a.tar': { content: smallTar } },
  },
  {
    name: 'ADD --unpack of an address',
    rows: ['ADD --unpack'],
    dockerfile: `FROM scratch\nADD --unpack=true ${web}/packed.tar.gz /x/\n`,
  },
  {
    name: 'ADD of an archive with an owner',
    rows: ['ADD --chown'],
    dockerfile: 'FROM scratch\nADD --chown=3:4 a.tar /x/\n',
    files: { 'a.tar': { content: smallTar } },
  },
  {
    name: 'ADD with mode and owner',
    rows: ['ADD --chmod', 'ADD --chown'],
    dockerfile: 'FROM busybox\nADD --chmod=0711 --chown=alice:wheel a /x/\n',
    files: { a: 'a' },
  },
  { name: 'ADD --link', rows: ['ADD --link'], dockerfile: 'FROM busybox\nADD --link a /x/y/\n', files: { a: 'a' } },
  {
    name: 'ADD --exclude',
    rows: ['ADD --exclude'],
    dockerfile: 'FROM scratch\nADD --exclude=*.md d /x/\n',
    files: { 'd/a.md': 'a', 'd/b': 'b' },
  },
  {
    name: 'ADD of an address',
    rows: ['ADD'],
    dockerfile: `FROM scratch\nADD ${web}/plain.txt /x/\nADD ${web}/plain.txt /named\nADD ${web}/packed.tar.gz /x/\n`,
  },
  {
    name: 'ADD of an address with its checksum',
    rows: ['ADD --checksum'],
    dockerfile: `FROM scratch\nADD --checksum=sha256:ac4b7bdb2d1e40be16c0a8a0dcc4c7d0e0e5b8a3b0b0a7a5e4a4f3d8fbd4cbb9 ${web}/plain.txt /x\n`,
    fails: true,
  },
  {
    name: 'ADD of an address with a good checksum',
    rows: ['ADD --checksum'],
    dockerfile: `FROM scratch\nADD --checksum=sha256:451f3e8714562111c7fc96b639f49f404507d4436dcd0ec3d539defcc2577d86 --chmod=600 ${web}/plain.txt /x\n`,
  },
  { name: 'ADD of an address that is not there', rows: ['ADD'], dockerfile: `FROM scratch\nADD ${web}/absent /x\n`, fails: true },
  {
    name: 'ADD --checksum of a local file',
    rows: ['ADD --checksum'],
    dockerfile: 'FROM scratch\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 a /x\n',
    files: { a: 'a' },
    fails: true,
  },
  { name: 'ADD of a repository', rows: ['ADD'], dockerfile: 'FROM scratch\nADD git://127.0.0.1/repo.git#v1 /r\n' },
  { name: 'ADD of a folder of a repository', rows: ['ADD'], dockerfile: 'FROM scratch\nADD git://127.0.0.1/repo.git#v1:sub /r\n' },
  {
    name: 'ADD --keep-git-dir',
    rows: ['ADD --keep-git-dir'],
    dockerfile:
      'FROM busybox\nADD --keep-git-dir=true git://127.0.0.1/repo.git#v1 /r\nRUN test -d /r/.git && echo kept > /kept; rm -rf /r\n',
  },
  {
    name: 'ADD of a repository by a branch that is not there',
    rows: ['ADD'],
    dockerfile: 'FROM scratch\nADD git://127.0.0.1/repo.git#nope /r\n',
    fails: true,
  },
  {
    name: 'ADD of patterns and an archive',
    rows: ['ADD'],
    dockerfile: 'FROM scratch\nADD *.tar b /x/\n',
    files: { 'a.tar': { content: smallTar }, b: 'b' },
  },
];
