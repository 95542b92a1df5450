import type { HealthConfig, ImageConfig, StringList } from '@gantry/api/gantry/engine/v1/types';
import { dataLoss } from '@gantry/rpc';

type Json = Readonly<Record<string, unknown>>;

/** The parts of an image configuration that docker shows. Values of a wrong type count as absent: an image is foreign data. */
export interface ImageJson {
  readonly author: string;
  readonly variant: string;
  readonly osVersion: string;
  readonly config: Json;
}

/** Reads an image configuration (application/vnd.oci.image.config.v1+json). Throws dataLoss when it is not a JSON object. */
export function parseImageJson(bytes: Uint8Array): ImageJson {
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw dataLoss('image configuration is not JSON', { cause: error });
  }
  if (!isObject(value)) throw dataLoss('image configuration is not a JSON object');
  return {
    author: text(value['author']),
    variant: text(value['variant']),
    osVersion: text(value['os.version']),
    config: isObject(value['config']) ? value['config'] : {},
  };
}

export function imageConfig(config: Json): ImageConfig {
  const argsEscaped = config['ArgsEscaped'];
  return {
    User: text(config['User']),
    ExposedPorts: members(config['ExposedPorts']),
    Env: texts(config['Env']),
    Cmd: textList(config['Cmd']),
    Healthcheck: health(config['Healthcheck']),
    ArgsEscaped: typeof argsEscaped === 'boolean' ? argsEscaped : undefined,
    Volumes: members(config['Volumes']),
    WorkingDir: text(config['WorkingDir']),
    Entrypoint: textList(config['Entrypoint']),
    OnBuild: texts(config['OnBuild']),
    Labels: textMap(config['Labels']),
    StopSignal: text(config['StopSignal']) || undefined,
    Shell: texts(config['Shell']),
  };
}

function health(value: unknown): HealthConfig | undefined {
  if (!isObject(value)) return undefined;
  return {
    Test: texts(value['Test']),
    Interval: whole(value['Interval']),
    Timeout: whole(value['Timeout']),
    Retries: whole(value['Retries']),
    StartPeriod: whole(value['StartPeriod']),
    StartInterval: whole(value['StartInterval']),
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const whole = (value: unknown): bigint => (typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
const textList = (value: unknown): StringList | undefined => (Array.isArray(value) ? { items: texts(value) } : undefined);
const members = (value: unknown): Record<string, Record<string, never>> =>
  isObject(value) ? Object.fromEntries(Object.keys(value).map((key) => [key, {}])) : {};
const textMap = (value: unknown): Record<string, string> =>
  isObject(value) ? Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (typeof one === 'string' ? [[key, one]] : []))) : {};
