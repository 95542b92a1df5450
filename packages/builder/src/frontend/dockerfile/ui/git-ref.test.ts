import { parseGitRef } from './git-ref';

const plain = { ssh: false, ref: '', directory: '', checksum: '', keepGitDir: undefined, submodules: undefined, mayBePath: false };

test.each([
  ['https://x.y/a/b.git', { ...plain, remote: 'https://x.y/a/b.git', name: 'x.y/a/b.git' }],
  [
    'https://u:p@x.y/b.git#main:sub/dir',
    { ...plain, remote: 'https://u:p@x.y/b.git', name: 'x.y/b.git', ref: 'main', directory: 'sub/dir' },
  ],
  ['git://x.y/a', { ...plain, remote: 'git://x.y/a', name: 'x.y/a' }],
  ['ssh://git@x.y:22/a', { ...plain, remote: 'ssh://git@x.y:22/a', name: 'x.y:22/a', ssh: true }],
  ['git@x.y:a/b.git#v1', { ...plain, remote: 'git@x.y:a/b.git', name: 'x.y/a/b.git', ssh: true, ref: 'v1' }],
  ['github.com/a/b', { ...plain, remote: 'github.com/a/b', name: 'github.com/a/b', mayBePath: true }],
  ['https://x.y/b.git?tag=v1&subdir=s', { ...plain, remote: 'https://x.y/b.git', name: 'x.y/b.git', ref: 'refs/tags/v1', directory: 's' }],
  ['https://x.y/b.git?branch=b', { ...plain, remote: 'https://x.y/b.git', name: 'x.y/b.git', ref: 'refs/heads/b' }],
  [
    'https://x.y/b.git?commit=c&keep-git-dir&submodules=0',
    { ...plain, remote: 'https://x.y/b.git', name: 'x.y/b.git', checksum: 'c', keepGitDir: true, submodules: false },
  ],
])('%s is a repository', (text, expected) => {
  expect(parseGitRef(text)).toEqual(expected);
});

test.each(['', 'a/b', './x.git', '../x.git', 'https://x.y/b', 'ftp://x.y/b.git', '/a/b.git', 'https://x.y/b.git/'])(
  '%j is none',
  (text) => {
    expect(parseGitRef(text)).toBeUndefined();
  },
);

test.each([
  ['?ref=a#b', 'ref conflicts: "b" vs "a"'],
  ['?ref=', 'query "ref" has no value'],
  ['?ref=a&ref=b', 'query "ref" has multiple values'],
  ['?tag=a&branch=b', 'branch conflicts with tag'],
  ['?subdir=a#:b', 'subdir conflicts: "b" vs "a"'],
  ['?submodules=x', 'invalid submodules value: "x"'],
  ['?foo=x', 'unexpected query "foo"'],
])('a query that cannot be: %s', (query, message) => {
  expect(() => parseGitRef(`https://x.y/b.git${query}`)).toThrow(message);
});
