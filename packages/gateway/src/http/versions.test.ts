import type { CreateRequest } from '@gantry/api/gantry/engine/v1/containers';
import type { ListImagesRequest, ListNetworksRequest } from '@gantry/api/gantry/engine/v1/resources';
import { messageCodec } from '@gantry/docker-api';
import { detectCgroups } from '@gantry/linux';
import { pause } from '@gantry/rpc';
import { checkConfig, defaults } from '../config';
import { type GatewayFixture, startGateway } from '../testing/gateway';

let gateway: GatewayFixture;
const created: CreateRequest[] = [];
const images: ListImagesRequest[] = [];
const networks: ListNetworksRequest[] = [];
const EXIT_MS = 200;

beforeAll(async () => {
  gateway = await startGateway(
    {
      containers: {
        create: async (_ctx, request) => {
          created.push(request);
          return { id: 'abc', warnings: [] };
        },
        async *wait(_ctx, { id, condition }) {
          yield { registered: true, statusCode: 0n, error: '', containerId: 'abc' };
          await pause(EXIT_MS);
          const error = id === 'stuck' ? 'removal failed' : '';
          yield { registered: false, statusCode: condition === '' ? 3n : 4n, error, containerId: 'abc' };
        },
      },
      images: {
        listImages: async (_ctx, request) => {
          images.push(request);
          return { images: [] };
        },
      },
      networks: {
        listNetworks: async (_ctx, request) => {
          networks.push(request);
          return { networks: [] };
        },
      },
      system: { getVersion: async () => ({ version: messageCodec('SystemVersion').zero() }) },
    },
    { oldest: '1.25' },
  );
});
afterAll(() => gateway.close());

test('the configured oldest version is told and kept', async () => {
  expect((await gateway.ask('GET', '/v1.25/version')).json()).toMatchObject({ MinAPIVersion: '1.25' });
  expect((await gateway.ask('GET', '/v1.24/version')).status).toBe(400);
  expect(() => checkConfig({ ...defaults, 'min-api-version': '1.9' })).toThrow(
    'invalid min-api-version: minimum supported API version is 1.24: 1.9',
  );
});

test('a create means what its version means', async () => {
  const create = async (version: string): Promise<CreateRequest | undefined> => {
    await gateway.ask('POST', `/v${version}/containers/create?platform=linux/arm64`, { body: { Image: 'x', HostConfig: {} } });
    return created.at(-1);
  };
  expect(await create('1.39')).toMatchObject({ platform: '', readOnlyNonRecursive: true, hostConfig: { IpcMode: 'shareable' } });
  expect(await create('1.44')).toMatchObject({ platform: 'linux/arm64', readOnlyNonRecursive: false, hostConfig: { IpcMode: '' } });
});

test('the cgroup namespace of versions that had none', async () => {
  const modes = [];
  for (const version of ['1.40', '1.41']) {
    await gateway.ask('POST', `/v${version}/containers/create`, { body: { Image: 'x', HostConfig: {} } });
    modes.push(created.at(-1)?.hostConfig?.CgroupnsMode);
  }
  expect(modes).toEqual([detectCgroups().mode === 'v2' ? '' : 'host', '']);
});

test('lists of older versions', async () => {
  await gateway.ask('GET', '/v1.40/images/json?filter=busy*');
  await gateway.ask('GET', '/v1.41/images/json?filter=busy*');
  expect(images.map(({ filters }) => filters['reference']?.values)).toEqual([['busy*'], undefined]);
  await gateway.ask('GET', '/v1.27/networks');
  await gateway.ask('GET', '/v1.28/networks/');
  expect(networks.map(({ containers }) => containers)).toEqual([true, false]);
});

test('before 1.30 a wait knows no conditions, before 1.34 a failed removal is mute', async () => {
  const wait = async (version: string, id: string) =>
    (await gateway.ask('POST', `/v${version}/containers/${id}/wait?condition=removed`)).text;
  expect(JSON.parse(await wait('1.29', 'x'))).toEqual({ StatusCode: 3 });
  expect(JSON.parse(await wait('1.30', 'x'))).toEqual({ StatusCode: 4 });
  expect(await wait('1.33', 'stuck')).toBe('');
  expect(JSON.parse(await wait('1.34', 'stuck'))).toEqual({ Error: { Message: 'removal failed' }, StatusCode: 4 });
});
