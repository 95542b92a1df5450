import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { once } from 'node:events';
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateProgram } from '@gantry/native';
import { newContext, notFound } from '@gantry/rpc';
import type { Session } from '../../session/session';
import type { StepContext } from '../../solver/op';
import { openBuildStore, type Store } from '../../store';
import { PlainTrees } from '../local/testing/plain-trees';
import { gitStateTable, makeGitSource } from './git-source';
import { gitIdentifier } from './identifier';
import { Repositories } from './repository';

let base: string;
let trees: PlainTrees;
let store: Store;
let server: Server;
let authorization: (string | undefined)[];
const secrets: Record<string, string> = {};

const options = (cwd: string) => ({
  cwd,
  env: {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'user.name',
    GIT_CONFIG_VALUE_0: 'a',
    GIT_CONFIG_KEY_1: 'user.email',
    GIT_CONFIG_VALUE_1: 'a@b.c',
  },
});
const git = (folder: string, ...args: string[]): string => execFileSync('git', args, options(folder)).toString().trim();

/** A repository, served by a web server that knows nothing of git. */
function commit(name: string, files: Record<string, string>): string {
  const folder = join(base, name);
  if (!existsSync(folder)) {
    mkdirSync(folder);
    git(folder, 'init', '-q', '-b', 'main');
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'x');
  git(folder, 'update-server-info');
  return git(folder, 'rev-parse', 'HEAD');
}

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'git-'));
  trees = await PlainTrees.make(base);
  store = openBuildStore(':memory:', [gitStateTable]);
  authorization = [];
  server = createServer((request, response) => {
    authorization.push(request.headers.authorization);
    const path = join(base, (request.url ?? '').replace(/\?.*/, '').replace(/^\/([^/]+)\.git\//, '/$1/.git/'));
    if (existsSync(path) && statSync(path).isFile()) createReadStream(path).pipe(response);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  store.close();
  await rm(base, { recursive: true });
});

const session = {
  serves: () => true,
  client: () => ({
    getSecret: async (_ctx: unknown, { ID }: { ID: string }) => {
      if (secrets[ID] === undefined) throw notFound(ID);
      return { data: Buffer.from(secrets[ID]) };
    },
  }),
} as unknown as Session;
const step = {
  call: newContext(),
  sessions: { ids: ['s'], any: (use: (one: Session) => Promise<unknown>) => use(session) },
  progress: { log: () => undefined },
} as unknown as StepContext;
const address = (name: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.git`;

async function source() {
  const repositories = new Repositories(join(base, 'repositories'));
  await repositories.start();
  return makeGitSource({
    refs: trees.refs,
    store,
    repositories,
    socketPath: () => join(base, 'agent'),
    program: locateProgram('gantry-native', __dirname),
  });
}

async function bring(fragment: string, attributes: Record<string, string> = {}, name = 'one') {
  const instance = (await source()).open(`git://${address(name)}${fragment}`, attributes, undefined);
  const { key, pin } = await instance.key(step);
  const ref = await instance.tree(step);
  return { key, pin, path: trees.path(ref?.id ?? '') };
}

test('branch, tag and commit; what is there is not brought again', async () => {
  const first = commit('one', { a: '1', 'sub/b': '2' });
  git(join(base, 'one'), 'tag', '-a', '-m', 'm', 'v1');
  const second = commit('one', { a: '3' });
  const main = await bring('');
  expect([main.pin, readFileSync(join(main.path, 'a'), 'utf8'), readdirSync(main.path).sort()]).toEqual([second, '3', ['a', 'sub']]);
  expect((await bring('#main')).path).toBe(main.path);
  const tag = await bring('#v1');
  expect([tag.pin, readFileSync(join(tag.path, 'a'), 'utf8')]).toEqual([first, '1']);
  const sub = await bring(`#${first}:sub`);
  expect([sub.pin, readdirSync(sub.path)]).toEqual([first, ['b']]);
  await expect(bring('#nowhere')).rejects.toThrow('does not contain ref nowhere');
  await expect(bring('#main:nowhere')).rejects.toThrow('failed to open subdir nowhere');
  await expect(bring('#v1', { 'git.checksum': second.slice(0, 12) })).rejects.toThrow(
    `expected checksum to match ${second.slice(0, 12)}, got ${first}`,
  );
  await expect(bring('#v1:sub', { 'git.checksum': second })).rejects.toThrow(`expected checksum to match ${second}, got ${first}`);
  await expect(bring(`#${first}:sub`, { 'git.checksum': second })).rejects.toThrow(`expected checksum to match ${second}, got ${first}`);
});

test("with its git folder it is a repository of the remote's", async () => {
  const own = commit('one', { a: '1' });
  const { key, path } = await bring('#main', { 'git.keepgitdir': 'true' });
  expect(key).toBe(`${own}.git#refs/heads/main`);
  expect([git(path, 'rev-parse', 'HEAD'), git(path, 'remote', 'get-url', 'origin'), git(path, 'status', '--porcelain')]).toEqual([
    own,
    address('one'),
    '',
  ]);
});

test('submodules come along unless they are left out', async () => {
  commit('two', { inner: '1' });
  commit('one', { a: '1' });
  // Not waited for by this thread: it serves the other repository.
  await promisify(execFile)('git', ['submodule', '--quiet', 'add', address('two'), 'mod'], options(join(base, 'one')));
  commit('one', { a: '2' });
  const { path } = await bring('');
  expect([readFileSync(join(path, 'mod/inner'), 'utf8'), existsSync(join(path, 'mod/.git')), existsSync(join(path, '.git'))]).toEqual([
    '1',
    false,
    false,
  ]);
  expect(readdirSync((await bring('#:mod')).path)).toEqual(['inner']);
  expect(readdirSync(join((await bring('', { 'git.skipsubmodules': 'true' })).path, 'mod'))).toEqual([]);
});

test('a token of the client is shown to the remote, and to nobody in the list of processes', async () => {
  commit('one', { a: '1' });
  secrets['GIT_AUTH_TOKEN'] = 'abc';
  await bring('', { 'git.authtokensecret': 'GIT_AUTH_TOKEN' });
  expect(new Set(authorization)).toEqual(new Set([`basic ${Buffer.from('x-access-token:abc').toString('base64')}`]));
});

test.each([
  ['git://--upload-pack=touch', {}],
  ['git://ext::sh -c touch', {}],
  ['git://file:///etc', {}],
  ['git://-oProxyCommand=touch:x', {}],
  ['git://ssh://-oProxyCommand=touch/x', {}],
  ['git://example.test/x', { 'git.fullurl': 'file:///etc' }],
  ['git://example.test/x#--upload-pack=touch', {}],
  ['git://example.test/x#main:../up', {}],
  ['git://example.test/x#main:a/%2e%2e/up', {}],
  ['git://example.test/x#a:b:../..', {}],
  ['git://example.test/x', { 'git.checksum': '$(touch)' }],
  ['git://example.test/x', { 'git.nonsense': '' }],
])('attack 43: %s %j is refused', async (identifier, attributes) => {
  const git_ = await source();
  expect(() => git_.open(identifier, attributes as unknown as Record<string, string>, undefined)).toThrow(
    expect.objectContaining({ kind: 'invalidArgument' }),
  );
});

test('addresses are read as docker build reads them', () => {
  expect(gitIdentifier('github.com/a/b.git#main:x', {})).toMatchObject({ remote: 'https://github.com/a/b.git', ref: 'main', subdir: 'x' });
  expect(gitIdentifier('git@host.test:a/b.git', {})).toMatchObject({ remote: 'git@host.test:a/b.git', ref: '', subdir: '' });
  expect(gitIdentifier('github.com/a/b', { 'git.fullurl': 'ssh://git@host.test/a/b#v1' })).toMatchObject({
    remote: 'ssh://git@host.test/a/b',
  });
});

test('attack 43: a link in the repository leads nowhere while it is laid out', async () => {
  mkdirSync(join(base, 'one'));
  git(join(base, 'one'), 'init', '-q', '-b', 'main');
  symlinkSync('/etc', join(base, 'one/link'));
  commit('one', { a: '1' });
  const { path } = await bring('');
  expect(lstatSync(join(path, 'link')).isSymbolicLink()).toBe(true);
  await expect(bring('#:link')).rejects.toThrow('failed to open subdir link');
});
