import { Image as ImageRecord } from '@gantry/api/containerd/services/images/v1/images';
import { Image as StoredImage } from '@gantry/api/gantry/images/v1/images';
import { AuthConfig } from '@gantry/api/runtime/v1/api';
import { findKnown, knownImages, nameOf, PINNED_LABEL } from './catalog';
import { userOf } from './describe';
import { authFor } from './pull';
import { removeImage, type RemoveNeeds } from './remove';
import { newContext } from '@gantry/rpc';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const record = (name: string, labels: Record<string, string> = {}): ImageRecord => ImageRecord.fromPartial({ name, labels });
const stored = (configDigest: string, ...names: string[]): StoredImage => StoredImage.fromPartial({ configDigest, names });

const records = [
  record('reg.io/a:1', { 'gantry.io/repo-digest': digest('1') }),
  record('reg.io/a:2'),
  record(`reg.io/a@${digest('2')}`),
  record('docker.io/library/pause:3', { [PINNED_LABEL]: 'pinned' }),
];
const all = knownImages(records, [
  stored(digest('b'), 'docker.io/library/pause:3'),
  stored(digest('a'), 'reg.io/a:1'),
  stored(digest('a'), 'reg.io/a:2', `reg.io/a@${digest('2')}`),
]);

test('an image is its configuration, by whatever manifest or index its names lead there', () => {
  expect(all.map(({ id, tags, digests, pinned }) => ({ id, tags, digests, pinned }))).toEqual([
    { id: digest('a'), tags: ['reg.io/a:1', 'reg.io/a:2'], digests: [`reg.io/a@${digest('1')}`, `reg.io/a@${digest('2')}`], pinned: false },
    { id: digest('b'), tags: ['docker.io/library/pause:3'], digests: [], pinned: true },
  ]);
});

test.each([
  ['reg.io/a:1', 'a'],
  [`reg.io/a:9@${digest('2')}`, 'a'],
  ['pause:3', 'b'],
  [digest('b'), 'b'],
  ['bbbb', 'b'],
  ['pause', undefined],
  ['reg.io/a:3', undefined],
  ['//', undefined],
])('%s is found as %s', (text, letter) => expect(findKnown(all, text)?.id).toBe(letter && digest(letter)));

test('the beginning of two ids is none', () => {
  expect(findKnown(knownImages([], [stored(digest('a')), stored(`sha256:${'a'.repeat(63)}b`)]), 'aaa')).toBeUndefined();
  expect(nameOf('busybox')).toBe('docker.io/library/busybox:latest');
});

test.each([
  ['', { uid: undefined, username: '' }],
  ['1000:5', { uid: { value: 1000n }, username: '' }],
  ['bob:users', { uid: undefined, username: 'bob' }],
])('user "%s" of an image', (user, told) => expect(userOf(user)).toEqual(told));

test('credentials are for the registry that they name, however they are written', () => {
  const auth = (change: Partial<AuthConfig>): AuthConfig => AuthConfig.fromPartial(change);
  const both = { username: 'u', password: 'p:q' };
  expect(authFor({ domain: 'reg:5000' }, auth(both))).toMatchObject(both);
  expect(authFor({ domain: 'reg:5000' }, auth({ auth: Buffer.from('u:p:q').toString('base64') }))).toMatchObject(both);
  expect(authFor({ domain: 'docker.io' }, auth({ ...both, serverAddress: 'https://index.docker.io/v1/' }))).toMatchObject(both);
  expect(authFor({ domain: 'reg:5000' }, auth({ ...both, serverAddress: 'other' }))).toBeUndefined();
  expect(authFor({ domain: 'reg:5000' }, auth({}))).toBeUndefined();
  expect(() => authFor({ domain: 'reg:5000' }, auth({ auth: 'dQ==' }))).toThrow('auth.auth');
});

describe('a removal', () => {
  let gone: string[];
  const needs = (image = ''): RemoveNeeds =>
    ({
      images: {
        list: () => Promise.resolve({ images: records }),
        delete: (_: unknown, { name }: { name: string }) => Promise.resolve(void gone.push(name)),
      },
      imageStore: {
        list: () =>
          Promise.resolve({ images: [stored(digest('b'), 'docker.io/library/pause:3'), stored(digest('a'), 'reg.io/a:1', 'reg.io/a:2')] }),
      },
      containers: { list: () => Promise.resolve({ containers: [{ id: 'c1', image }] }) },
    }) as never;
  beforeEach(() => (gone = []));
  const ctx = newContext();

  test('by one tag takes that tag, by id all names', async () => {
    await removeImage(needs('reg.io/a:1'), ctx, 'reg.io/a:1');
    expect(gone).toEqual(['reg.io/a:1']);
    gone = [];
    await removeImage(needs(), ctx, digest('a'));
    expect(gone).toEqual(['reg.io/a:1', 'reg.io/a:2']);
    await removeImage(needs(), ctx, 'reg.io/none:1');
  });

  test('takes none that is pinned or in use', async () => {
    await expect(removeImage(needs(), ctx, 'pause:3')).rejects.toMatchObject({
      kind: 'failedPrecondition',
      message: expect.stringContaining('pinned') as string,
    });
    for (const name of ['reg.io/a:2', digest('a')])
      await expect(removeImage(needs(name), ctx, digest('a'))).rejects.toMatchObject({
        message: expect.stringContaining('in use by container "c1"') as string,
      });
    expect(gone).toEqual([]);
  });
});
