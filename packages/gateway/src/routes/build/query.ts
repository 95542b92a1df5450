import { Builder, BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { type Json, JsonNumber, JsonObject, scanJson } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import type { Exchange } from '../../http/exchange';
import { buildAuths } from './auths';

/** The query of POST /build. What has the wrong form is refused; what it means is the builder's. */
export function readBuild(x: Exchange): BuildImageRequest {
  const { query } = x;
  if (query.has('securityopt')) throw invalidArgument('security options are not supported on linux');
  if (!['', 'default'].includes(query.text('isolation')))
    throw invalidArgument(`unsupported isolation: ${JSON.stringify(query.text('isolation'))}`);
  if (query.flag('squash')) throw invalidArgument('squash is only supported with experimental mode');
  const forceRemove = query.flag('forcerm');
  return BuildImageRequest.fromPartial({
    builder: builderOf(query.text('version')),
    dockerfile: query.text('dockerfile'),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    target: query.text('target'),
    platform: query.text('platform'),
    tags: query.all('t'),
    buildArgs: Object.entries(strings(x, 'buildargs', 'build args', true)).map(([name, value]) => ({
      name,
      ...(value === null ? {} : { value }),
    })),
    labels: strings(x, 'labels', 'labels', false) as Record<string, string>,
    cacheFrom: list(x, 'cachefrom', 'cache-from'),
    remote: query.text('remote'),
    session: query.text('session'),
    buildId: query.text('buildid'),
    networkMode: query.text('networkmode'),
    extraHosts: query.all('extrahosts'),
    shmSize: number(x, 'shmsize'),
    ulimits: objects(x, 'ulimits', 'error reading ulimit settings').map((each) => ({
      name: String(member(each, 'Name') ?? ''),
      soft: limit(each, 'Soft'),
      hard: limit(each, 'Hard'),
    })),
    outputs: x.version.atLeast('1.40') ? objects(x, 'outputs', 'invalid outputs specified').map(outputOf) : [],
    remove: forceRemove || query.flag('rm', true),
    forceRemove,
    resources: {
      memory: lenient(x, 'memory'),
      memorySwap: lenient(x, 'memswap'),
      cpuShares: lenient(x, 'cpushares'),
      cpuPeriod: lenient(x, 'cpuperiod'),
      cpuQuota: lenient(x, 'cpuquota'),
      cpusetCpus: query.text('cpusetcpus'),
      cpusetMems: query.text('cpusetmems'),
      cgroupParent: query.text('cgroupparent'),
    },
    auths: buildAuths(x),
  });
}

function builderOf(version: string): Builder {
  if (version === '' || version === '1') return Builder.BUILDER_CLASSIC;
  if (version === '2') return Builder.BUILDER_BUILDKIT;
  throw invalidArgument(`invalid version ${JSON.stringify(version)}`);
}

/** A number that is 0 when it is none, as docker reads it. */
function lenient(x: Exchange, name: string): bigint {
  return /^[+-]?\d{1,18}$/.test(x.query.text(name)) ? BigInt(x.query.text(name)) : 0n;
}

function number(x: Exchange, name: string): bigint {
  const text = x.query.text(name);
  if (text !== '' && !/^[+-]?\d{1,18}$/.test(text))
    throw invalidArgument(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return BigInt(text === '' ? 0 : text);
}

function json(x: Exchange, name: string, what: string): Json {
  const text = x.query.text(name);
  if (text === '') return null;
  try {
    const { value, rest } = scanJson(text);
    if (rest.trim() !== '') throw invalidArgument('invalid character after top-level value');
    return value;
  } catch (cause) {
    throw invalidArgument(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function strings(x: Exchange, name: string, words: string, nulls: boolean): Record<string, string | null> {
  const what = `error reading ${words}`;
  const value = json(x, name, what);
  if (value === null) return {};
  if (!(value instanceof JsonObject)) throw invalidArgument(`${what}: ${name} is not a map`);
  return Object.fromEntries(
    value.members.map(([key, each]) => {
      if (typeof each === 'string') return [key, each];
      if (each === null) return [key, nulls ? null : ''];
      throw invalidArgument(`${what}: ${name}.${key} is not a string`);
    }),
  );
}

function list(x: Exchange, name: string, words: string): string[] {
  const value = json(x, name, `error reading ${words}`);
  if (value === null) return [];
  if (!Array.isArray(value) || !value.every((each: Json) => typeof each === 'string'))
    throw invalidArgument(`error reading ${words}: ${name} is not a list of strings`);
  return value as string[];
}

function objects(x: Exchange, name: string, what: string): JsonObject[] {
  const value = json(x, name, what);
  if (value === null) return [];
  if (!Array.isArray(value) || !value.every((each: Json) => each instanceof JsonObject))
    throw invalidArgument(`${what}: ${name} is not a list of objects`);
  return value as JsonObject[];
}

const member = (object: JsonObject, name: string): Json | undefined =>
  object.members.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];

function limit(object: JsonObject, name: string): bigint {
  const value = member(object, name);
  if (value === undefined || value === null) return 0n;
  if (!(value instanceof JsonNumber) || !/^-?\d{1,18}$/.test(value.source))
    throw invalidArgument(`error reading ulimit settings: ${name} is not a whole number`);
  return BigInt(value.source);
}

function outputOf(object: JsonObject): { type: string; attributes: Record<string, string> } {
  const attributes = member(object, 'Attrs');
  return {
    type: String(member(object, 'Type') ?? ''),
    attributes: attributes instanceof JsonObject ? Object.fromEntries(attributes.members.map(([key, value]) => [key, String(value)])) : {},
  };
}
