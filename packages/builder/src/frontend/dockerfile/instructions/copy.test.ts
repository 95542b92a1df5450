import { build, type FakeStep } from '../testing/fake-bridge';

const FROM = 'FROM busybox\n';
const copies = (steps: readonly FakeStep[]) => steps.flatMap(({ op }) => op.file?.actions.flatMap(({ copy }) => copy ?? []) ?? []);
const copy = async (line: string) => copies((await build(FROM + line)).steps)[0];

test.each([
  ['COPY a b', '/a', '/b'],
  ['COPY a ./', '/a', '/'],
  ['WORKDIR /w\nCOPY a .', '/a', '/w/'],
  ['WORKDIR /w\nCOPY a b/', '/a', '/w/b/'],
  ['COPY ../x/../a /y/../b', '/a', '/b'],
  ['COPY ["a b", "/c/"]', '/a b', '/c/'],
  ['ENV D=/dd\nCOPY $D/x ${D}', '/dd/x', '/dd'],
])('%j', async (line, src, dest) => {
  expect(await copy(line)).toMatchObject({
    src,
    dest,
    mode: -1,
    allowWildcard: true,
    dirCopyContents: true,
    attemptUnpackDockerCompatibility: false,
  });
});

test('owners, permissions, what is left out, and parents', async () => {
  expect(await copy('COPY --chown=me:2 --chmod=u=rwX,go=rX --exclude=*.md --exclude=t a b')).toMatchObject({
    owner: { user: { byName: { name: 'me', input: 0n } }, group: { byID: 2 } },
    modeStr: 'u=rwX,go=rX',
    mode: 0,
    excludePatterns: ['*.md', 't'],
  });
  expect(await copy('COPY --chmod=0640 a b')).toMatchObject({ mode: 0o640, modeStr: '' });
  expect(await copy('COPY --parents a/./b/*.c /d/')).toMatchObject({ src: '/a', dest: '/d/', includePatterns: ['b/*.c'] });
  expect(await copy('COPY --parents a/b /d/')).toMatchObject({ src: '/', includePatterns: ['a/b'] });
});

test('--link copies into an empty tree that is laid over the stage, as one group', async () => {
  const { steps, config } = await build(`${FROM}COPY --link a b`);
  const [step, linked] = steps.slice(-2);
  expect(step?.op.file?.actions[0]).toMatchObject({ input: -1n });
  expect(step?.metadata.progressGroup).toEqual({ id: expect.any(String) as string, name: '[2/2] COPY --link a b', weak: true });
  expect(linked?.op.merge?.inputs).toHaveLength(2);
  expect(linked?.name).toBe('[2/2] LINK COPY --link a b');
  expect(linked?.metadata.progressGroup).toEqual({ ...step?.metadata.progressGroup, weak: false });
  expect(config.history.at(-1)?.created_by).toBe('COPY a b # buildkit');
});

test('only the paths that are used are asked of the client', async () => {
  const context = async (lines: string): Promise<string | undefined> => {
    const { steps } = await build(FROM + lines);
    return steps.find(({ op }) => op.source?.identifier === 'local://context')?.op.source?.attrs['local.followpaths'];
  };
  expect(await context('COPY b/ a /x/\nADD c /y\nRUN --mount=source=d,target=/z e')).toBe('["a","b","c","d"]');
  expect(await context('COPY a /\nCOPY . /')).toBeUndefined();
  expect(await context('ADD a https://x.y/z /')).toBe('["a"]');
});

test('here-documents become files', async () => {
  const { steps, config } = await build(`${FROM}ENV A=1\nCOPY <<one <<"two" c /d/\n$A "q" \\$A\none\n$A\ntwo`);
  const made = steps.flatMap(({ op }) => op.file?.actions.flatMap(({ mkfile }) => mkfile ?? []) ?? []);
  expect(made.map(({ path, data }) => [path, data.toString()])).toEqual([
    ['/one', '1 "q" $A\n'],
    ['/two', '$A\n'],
  ]);
  expect(copies(steps).map(({ src }) => src)).toEqual(['/c', '/one', '/two']);
  expect(config.history.at(-1)?.created_by).toBe('COPY c <<one <<two /d/ # buildkit');
});

test('ADD: archives are unpacked, downloads are not, unless said; repositories are checked out', async () => {
  expect(await copy('ADD a.tar /d')).toMatchObject({ attemptUnpackDockerCompatibility: true });
  expect(await copy('ADD --unpack=false a.tar /d')).toMatchObject({ attemptUnpackDockerCompatibility: false });
  const digest = `sha256:${'a'.repeat(64)}`;
  const { steps } = await build(`${FROM}ADD --checksum=${digest} --unpack https://x.y/p/f%20g?q /d`);
  expect(steps[1]?.op.source).toEqual({ identifier: 'https://x.y/p/f%20g?q', attrs: { 'http.checksum': digest, 'http.filename': 'f g' } });
  expect(copies(steps)[0]).toMatchObject({ src: '/f g', attemptUnpackDockerCompatibility: true, allowWildcard: false });
  const git = await build(`${FROM}ADD --keep-git-dir --checksum=abc https://x.y/r.git?branch=b&subdir=s /d`);
  expect(git.steps[1]?.op.source).toEqual({
    identifier: 'git://x.y/r.git#refs/heads/b:s',
    attrs: {
      'git.authheadersecret': 'GIT_AUTH_HEADER',
      'git.authtokensecret': 'GIT_AUTH_TOKEN',
      'git.checksum': 'abc',
      'git.fullurl': 'https://x.y/r.git',
      'git.keepgitdir': 'true',
    },
  });
});

test.each([
  ['COPY https://x.y/z /d', "source can't be a URL for COPY"],
  ['COPY git@x.y:z.git /d', "source can't be a git ref for COPY"],
  ['ADD --checksum=x a /d', 'checksum requires HTTP(S) or Git sources'],
  ['ADD --checksum=x a b /d', "checksum can't be specified for multiple sources"],
  ['ADD --keep-git-dir=false https://x.y/r.git?keep-git-dir=1 /d', 'inconsistent keep-git-dir configuration'],
  ['ADD --checksum=x https://x.y/r.git?checksum=y /d', 'checksum mismatch "x" != "y"'],
  ['COPY "a b" /c', 'failed to process "\\"a": unexpected end of statement while looking for matching double-quote'],
  ['COPY --chmod=99 a b', "invalid chmod parameter: '99'. it should be octal string and between 0 and 07777"],
  ['COPY --chmod=77777 a b', "invalid chmod parameter: '77777'"],
  ['COPY --chmod=foo a b', 'invalid syntax'],
  ['COPY --from=$X a b', 'variable expansion is not supported for --from'],
  ['COPY --from=7 a b', 'invalid stage index 7'],
  ['COPY --from=later a b\nFROM busybox AS later', 'circular dependency detected'],
])('%j is refused', async (line, message) => {
  const circle = line.includes('later') ? `${line}\nCOPY --from=0 a b\n` : line;
  await expect(build(FROM + circle)).rejects.toThrow(message);
});
