import { sha256 } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import { CacheKeys } from '../imported-keys';
import { readCaches } from '../read-cache';
import { machine, silent } from '../testing/rig';
import { azblobKind, signature } from './azblob';
import { ghaKind } from './gha';
import { objectCacheExporter, type ObjectKind, objectOrigin } from './objects';
import { s3Kind } from './s3';
import { actionsStandIn, azureStandIn, s3StandIn, type StandIn } from './testing/stand-ins';

const ctx = newContext();
const base = { name: 'docker-image://base' };
const two = { name: 'two', inputs: [{ name: 'one', inputs: [base] }] };
const sessions = { ids: [], any: () => Promise.reject(new Error('no session')) };

const claims = {
  ac: JSON.stringify([
    { Scope: 'refs/heads/main', Permission: 1 },
    { Scope: 'refs/heads/mine', Permission: 3 },
  ]),
  exp: Date.now() / 1000 + 3600,
};
const token = `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
const key = Buffer.from('key').toString('base64');

let there: StandIn;
afterEach(() => there.close());

interface Case {
  readonly kind: ObjectKind;
  readonly serve: () => Promise<StandIn>;
  readonly attributes: (url: string) => Record<string, string>;
  readonly names: readonly string[];
}

const cases: Record<string, Case> = {
  's3, bucket in the path': {
    kind: s3Kind({}),
    serve: s3StandIn,
    attributes: (url) => ({
      bucket: 'b',
      region: 'r',
      endpoint_url: url,
      use_path_style: 'true',
      access_key_id: 'id',
      secret_access_key: 's',
      prefix: 'p/',
      upload_parallelism: '1',
      name: 'n;m',
    }),
    names: ['/b/p/manifests/n', '/b/p/manifests/m', `/b/p/blobs/${encodeURIComponent(sha256('two'))}`],
  },
  azblob: {
    kind: azblobKind({}),
    serve: azureStandIn,
    attributes: (url) => ({ account_url: url, account_name: 'account', secret_access_key: key, name: 'n' }),
    names: ['/buildkit-cache/manifests/n', `/buildkit-cache/blobs/${encodeURIComponent(sha256('two'))}`],
  },
  'gha, version 1': {
    kind: ghaKind,
    serve: actionsStandIn,
    attributes: (url) => ({ url, token, timeout: '1m', ghtoken: 'g', repository: 'a/b' }),
    names: [`buildkit-blob-1-${sha256('two')}`],
  },
  'gha, version 2': {
    kind: ghaKind,
    serve: actionsStandIn,
    attributes: (url) => ({ url_v2: url, token }),
    names: [`buildkit-blob-1-${sha256('two')}`],
  },
};

describe.each(Object.entries(cases))('%s', (_, { kind, serve, attributes, names }) => {
  const carry = async (mode: string) => {
    const first = machine();
    const given = new Map(Object.entries({ ...attributes(there.url), mode }));
    await first.build(two, [], (result) =>
      objectCacheExporter(first.writing, kind)
        .open(given)
        .export(ctx, { result, job: undefined as never, progress: silent }),
    );
  };

  it('carries a cache to another machine, and writes what is there already no second time', async () => {
    there = await serve();
    await carry('max');
    await carry('max');
    const blobs = there.asked.filter(
      ({ method, path, headers }) => method === 'PUT' && path.includes('blobs') && headers['x-amz-copy-source'] === undefined,
    );
    expect(new Set(blobs.map(({ path }) => path)).size).toBe(blobs.length);
    for (const name of names) expect([...there.objects.keys()]).toContain(name);
    const second = machine();
    const opened = await objectOrigin(second.writing.services, kind)(ctx, {
      given: new Map(Object.entries(attributes(there.url))),
      sessions,
    });
    const caches = 'caches' in opened ? opened.caches : await readCaches(opened, ctx);
    const keys = caches.map(
      (cache) => new CacheKeys('there', cache, { ...second.brings, fetch: (asked, layer) => opened.fetch(asked, layer) }),
    );
    expect(await second.build(two, keys, () => Promise.resolve())).toMatchObject({ ran: [], tree: 'docker-image://base|one|two' });
  });

  it('is empty where nothing was written, and refuses unknown attributes by name', async () => {
    there = await serve();
    const open = (more: Record<string, string>) =>
      objectOrigin(machine().writing.services, kind)(ctx, {
        given: new Map(Object.entries({ ...attributes(there.url), ...more })),
        sessions,
      });
    const opened = await open({});
    expect('caches' in opened && opened.caches.length).toBe(0);
    await expect(open({ colour: 'red' })).rejects.toThrow(`unknown attribute of the ${kind.type} cache: colour`);
  });
});

test('a server that refuses is told without what is secret', async () => {
  there = await s3StandIn();
  const given = new Map(
    Object.entries({
      bucket: 'b',
      region: 'r',
      endpoint_url: there.url,
      use_path_style: 'true',
      access_key_id: 'other',
      secret_access_key: 'geheim',
    }),
  );
  await expect(objectOrigin(machine().writing.services, s3Kind({}))(ctx, { given, sessions })).rejects.toMatchObject({
    kind: 'forbidden',
    message: `${there.url}/b/manifests/buildkit answered 403: <Code>AccessDenied</Code>`,
  });
});

test('the signature of Azure has a length', async () => {
  there = await s3StandIn();
  expect(
    signature({ account: 'a', key }, { method: 'GET', url: new URL('http://h/c/b?x=1'), headers: { 'x-ms-date': 'd' }, size: 0 }),
  ).toHaveLength(44);
});

test('a timeout that is none is refused', () => {
  expect(() =>
    objectCacheExporter(machine().writing, ghaKind).open(
      new Map([
        ['url', 'http://h'],
        ['token', token],
        ['timeout', 'soon'],
      ]),
    ),
  ).toThrow('failed to parse timeout for github actions cache: "soon"');
});
