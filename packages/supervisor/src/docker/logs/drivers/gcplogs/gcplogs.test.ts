import { createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpPeer, type HttpPeerAnswer, httpPeer } from '../../testing/http-peer';
import { message, target } from '../../testing/targets';
import type { LogMessage } from '../driver';
import { drivers } from '../table';

const { forwarding } = drivers.gcplogs;
const live = new AbortController().signal;
const before = { ...process.env };
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
let folder: string;
let peer: HttpPeer;
let isCloud: boolean;
let refusal: HttpPeerAnswer | undefined;

const values: Readonly<Record<string, string>> = {
  'project/project-id': 'machine',
  'instance/zone': 'projects/1/zones/europe-west1-b',
  'instance/name': 'vm',
  'instance/id': '42',
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-gcplogs-'));
  [isCloud, refusal] = [false, undefined];
  peer = await httpPeer(({ path }) => {
    const google = { headers: { 'Metadata-Flavor': 'Google' } };
    if (path === '/token') return { body: '{"access_token":"T","expires_in":3600}' };
    if (path === '/v2/entries:write') return refusal ?? { body: '{}' };
    const name = path.replace('/computeMetadata/v1/', '');
    if (!isCloud) return { status: 404 };
    if (name.startsWith('instance/service-accounts/default/token?')) return { ...google, body: '{"access_token":"M","expires_in":100}' };
    return name in values ? { ...google, body: values[name] ?? '' } : { status: 404, ...google };
  });
  const key = {
    type: 'service_account',
    private_key_id: 'k1',
    client_email: 'me@example.com',
    token_uri: `${peer.url}/token`,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  writeFileSync(join(folder, 'key.json'), JSON.stringify(key));
  Object.assign(process.env, {
    HOME: folder,
    GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'key.json'),
    GCE_METADATA_HOST: new URL(peer.url).host,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING: `${peer.url}/`,
  });
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Written {
  readonly logName: string;
  readonly resource: object;
  readonly entries: readonly { readonly jsonPayload?: object }[];
}
const asked = (path: string) => peer.heard.filter((one) => one.path === path);
const written = (): Written[] => asked('/v2/entries:write').map(({ body }) => JSON.parse(body.toString()) as Written);
async function send(options: Record<string, string>, ...messages: LogMessage[]): Promise<void> {
  const sink = await forwarding?.connect(target('gcplogs', options), live);
  await sink?.send(messages, live);
  await sink?.close();
  expect(sink?.progress?.()).toEqual({ sends: 1, refused: 0 });
}

test('writes entries with the token of a service account', async () => {
  await send({ 'gcp-project': 'p', 'gcp-log-cmd': 'true' }, message('one'), message('', { stream: 'stderr' }));
  const [ping, entries] = written();
  expect(ping).toMatchObject({ logName: 'projects/p/logs/ping', entries: [{ insertId: 'ping' }] });
  const container = {
    name: '/web',
    id: 'c'.repeat(64),
    imageName: 'busybox',
    imageId: `sha256:${'a'.repeat(64)}`,
    created: '2026-01-02T03:04:05.678901234Z',
    command: 'sh -c true',
    metadata: { 'com.example.app': 'shop' },
  };
  const timestamp = '2026-01-02T03:04:05.678901234Z';
  expect(entries).toEqual({
    logName: 'projects/p/logs/gcplogs-docker-driver',
    resource: { type: 'global', labels: { project_id: 'p' } },
    entries: [
      { timestamp, jsonPayload: { container, message: 'one' } },
      { timestamp, jsonPayload: { container } },
    ],
  });
  expect(asked('/v2/entries:write').map(({ headers }) => headers.authorization)).toEqual(['Bearer T', 'Bearer T']);
  const [exchange, ...more] = asked('/token');
  expect(more).toEqual([]);
  const form = new URLSearchParams(exchange?.body.toString());
  const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    iss: 'me@example.com',
    aud: `${peer.url}/token`,
    scope: 'https://www.googleapis.com/auth/logging.write',
  });
  expect(createVerify('RSA-SHA256').update(`${header}.${claims}`).verify(publicKey, signature, 'base64url')).toBe(true);
});

test('tells the machine by options, or by what the machine itself says', async () => {
  await send({ 'gcp-project': 'p', 'gcp-meta-zone': 'z', 'gcp-meta-id': '7' }, message('one'));
  expect(written()[1]).toMatchObject({
    resource: { type: 'gce_instance', labels: { project_id: 'p', instance_id: '7', zone: 'z' } },
    entries: [{ jsonPayload: { instance: { zone: 'z', id: '7' } } }],
  });
  isCloud = true;
  process.env['GCE_METADATA_HOST'] = new URL(peer.url).host.replace('127.0.0.1', 'localhost'); // another one: it is asked again
  Reflect.deleteProperty(process.env, 'GOOGLE_APPLICATION_CREDENTIALS');
  await send({ 'gcp-meta-zone': 'z' }, message('two'));
  expect(written().at(-1)).toMatchObject({
    logName: 'projects/machine/logs/gcplogs-docker-driver',
    resource: { type: 'gce_instance', labels: { instance_id: '42', zone: 'europe-west1-b' } },
    entries: [{ jsonPayload: { instance: { zone: 'europe-west1-b', name: 'vm', id: '42' }, message: 'two' } }],
  });
  expect(asked('/v2/entries:write').at(-1)?.headers.authorization).toBe('Bearer M');
});

test('a user’s own credentials, and those that are none', async () => {
  const user = { type: 'authorized_user', client_id: 'i', client_secret: 's', refresh_token: 'r', token_uri: `${peer.url}/token` };
  writeFileSync(join(folder, 'key.json'), JSON.stringify(user));
  await send({ 'gcp-project': 'p' }, message('one'));
  expect(asked('/token')[0]?.body.toString()).toBe('grant_type=refresh_token&client_id=i&client_secret=s&refresh_token=r');
  writeFileSync(join(folder, 'key.json'), '{"type":"external_account"}');
  await expect(send({ 'gcp-project': 'p' })).rejects.toThrow('google: credentials of the type "external_account" are not supported');
  Reflect.deleteProperty(process.env, 'GOOGLE_APPLICATION_CREDENTIALS');
  await expect(send({ 'gcp-project': 'p' })).rejects.toThrow('google: could not find default credentials');
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(folder, 'none');
  await expect(send({ 'gcp-project': 'p' })).rejects.toThrow(
    'error getting credentials using GOOGLE_APPLICATION_CREDENTIALS environment variable',
  );
});

test('refusals in the words of gRPC, and options', async () => {
  await expect(send({})).rejects.toThrow(
    "No project was specified and couldn't read project from the metadata server. Please specify a project",
  );
  refusal = { status: 403, body: JSON.stringify({ error: { code: 403, status: 'PERMISSION_DENIED', message: 'no' } }) };
  await expect(send({ 'gcp-project': 'p' })).rejects.toThrow(
    'unable to connect or authenticate with Google Cloud Logging: rpc error: code = PermissionDenied desc = no',
  );
  expect(() => drivers.gcplogs.validate({ tag: 'x' })).toThrow('"tag" is not a valid option for the gcplogs driver');
});
