import { fieldTables } from '@gantry/api/engine-fields';
import { scanJson } from './json/scan';
import { type MessageName, messageCodec } from './messages';
import { containerUpdateBody } from './shapes/containers';
import { bodyCodecs } from './testing/body-codecs';
import { requestMembers } from './testing/request-members';
import { apiVersion } from './versions/version';

const place = { struct: '', path: '' };
const host = messageCodec('HostConfig');
const readHost = (json: object) => host.read(scanJson(JSON.stringify(json)).value, place);
const written = (json: object, version = '1.51'): Record<string, unknown> =>
  JSON.parse(JSON.stringify(host.write(readHost(json), apiVersion(version)))) as Record<string, unknown>;

describe('members of requests', () => {
  /** Said by clients before 1.44: names of networks are unique in any case. */
  const honouredAlways = new Set(['network.CreateRequest.CheckDuplicate']);

  const cases = Object.entries(requestMembers).flatMap(([body, members]) => members.split(' ').map((name) => [body, name] as const));
  it.each(cases)('%s.%s is honoured or refused', (body, name) => {
    const codec = bodyCodecs(body);
    let read: unknown;
    try {
      read = codec.read(scanJson(`{"${name}":{"x":1}}`).value, place);
    } catch {
      return;
    }
    if (!honouredAlways.has(`${body}.${name}`)) expect(read).not.toEqual(codec.zero());
  });

  it('refuses by name what nothing can honour, unless it is empty', () => {
    expect(() => readHost({ KernelMemory: 5 })).toThrow('field KernelMemory is not supported by gantry');
    expect(() => readHost({ KernelMemory: 0 })).not.toThrow();
    expect(() => containerUpdateBody.read(scanJson('{"Init":true}').value, place)).toThrow('field Init is not supported');
  });

  it('ignores what the API does not have, at any depth', () => {
    expect(readHost({ Nonsense: { a: 1 }, LogConfig: { Type: 'local', Nope: 1 } }).LogConfig).toEqual({ Type: 'local', Config: {} });
  });
});

describe('HostConfig', () => {
  it('tells given empty lists and maps from absent ones', () => {
    const given = { Dns: [], CapAdd: [], Ulimits: [], PortBindings: {}, MaskedPaths: [], Tmpfs: {}, Binds: null };
    expect(written(given)).toMatchObject({
      Dns: [],
      CapAdd: [],
      Ulimits: [],
      PortBindings: {},
      MaskedPaths: [],
      Binds: null,
      ExtraHosts: null,
    });
    expect(written(given)).not.toHaveProperty('Tmpfs'); // left out when empty
    expect(written({})).toMatchObject({ Dns: null, CapAdd: null, Ulimits: null, PortBindings: null, MaskedPaths: null, Devices: null });
    expect(written(given)).not.toHaveProperty('givenEmpty');
    expect(readHost({ givenEmpty: ['Dns'], Dns: ['1.1.1.1'] }).givenEmpty).toEqual([]);
  });

  it('shows members in the versions that have them', () => {
    const asked = { Annotations: { a: 'b' }, Init: false };
    expect(written(asked, '1.42')).not.toHaveProperty('Annotations');
    expect(written(asked, '1.43')).toMatchObject({ Annotations: { a: 'b' }, Init: false });
  });

  it.each([
    [{ BlkioWeight: 65_536 }, 'number 65536 into Go struct field HostConfig.BlkioWeight of type uint16'],
    [{ BlkioDeviceReadBps: [{ Rate: -1 }] }, 'number -1 into Go struct field ThrottleDevice.BlkioDeviceReadBps.Rate of type uint64'],
    [{ Ulimits: {} }, 'object into Go struct field HostConfig.Ulimits of type []units.Ulimit'],
    [{ PortBindings: { '80/tcp': 5 } }, 'number into Go struct field HostConfig.PortBindings of type []nat.PortBinding'],
    [{ Dns: [5] }, 'number into Go struct field HostConfig.Dns of type string'],
  ])('refuses %j in the words of Go', (json, message) => {
    expect(() => readHost(json)).toThrow(`json: cannot unmarshal ${message}`);
  });

  it('takes an object only for a member of a set', () => {
    const config = messageCodec('ContainerConfig');
    expect(config.read(scanJson('{"Volumes":{"/a":{},"/b":null}}').value, place).Volumes).toEqual({ '/a': {}, '/b': {} });
    expect(() => config.read(scanJson('{"Volumes":{"/a":5}}').value, place)).toThrow(
      'number into Go struct field Config.Volumes of type struct {}',
    );
  });
});

it('has a codec for every message, and zero values that it can write', () => {
  for (const name of Object.keys(fieldTables) as MessageName[]) {
    const codec = messageCodec(name);
    expect(() => JSON.stringify(codec.write(codec.zero(), apiVersion('1.51')))).not.toThrow();
  }
});

it('answers members in the order of the description, with exact numbers', () => {
  const state = { ...messageCodec('ContainerState').zero(), Pid: 2n ** 60n };
  expect(JSON.stringify(messageCodec('ContainerState').write(state, apiVersion('1.51')))).toBe(
    '{"Status":"","Running":false,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":1152921504606846976,' +
      '"ExitCode":0,"Error":"","StartedAt":"","FinishedAt":""}',
  );
});
