import { isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import { isObject, type Json, type JsonObject } from './config-list';

export interface CniInterface {
  readonly name: string;
  readonly mac: string;
  /** Path of the namespace it is in; empty for one of the host. */
  readonly sandbox: string;
}

export interface CniAddress {
  /** With its prefix: 10.88.0.5/16. */
  readonly address: string;
  readonly gateway: string;
  /** Name of the interface that has it; empty where the program does not say. */
  readonly interface: string;
}

/** What a network gave a pod, whatever version it was said in. */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  /** Those of the pod, not the host's ends; IPv4 first, as kubelets show them. */
  readonly addresses: readonly CniAddress[];
  readonly dns: {
    readonly nameservers: readonly string[];
    readonly domain: string;
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
}

/** Errors: invalidArgument for what no version of the specification has. */
export function readResult(result: JsonObject): CniResult {
  const interfaces = objects(result['interfaces'], 'interfaces').map((each) => ({
    name: text(each['name']),
    mac: text(each['mac']),
    sandbox: text(each['sandbox']),
  }));
  const modern = objects(result['ips'], 'ips').flatMap((each) => {
    const at = each['interface'];
    const found = typeof at === 'number' ? interfaces[at] : undefined;
    if (typeof at === 'number' && found === undefined) throw invalidArgument(`ips: there is no interface ${at}`);
    if (found !== undefined && found.sandbox === '') return []; // the host's end
    return [{ address: addressOf(each['address']), gateway: text(each['gateway']), interface: found?.name ?? '' }];
  });
  // Before 0.3.0: one address of each family, without interfaces.
  const old = (['ip4', 'ip6'] as const).flatMap((key) => {
    const each = result[key];
    return isObject(each) ? [{ address: addressOf(each['ip']), gateway: text(each['gateway']), interface: '' }] : [];
  });
  const addresses = [...modern, ...old].toSorted((one, other) => rank(one) - rank(other));
  const dns = isObject(result['dns']) ? result['dns'] : {};
  return {
    interfaces,
    addresses,
    dns: {
      nameservers: texts(dns['nameservers']),
      domain: text(dns['domain']),
      search: texts(dns['search']),
      options: texts(dns['options']),
    },
  };
}

const rank = ({ address }: CniAddress): number => (address.includes(':') ? 1 : 0);

function addressOf(value: Json | undefined): string {
  const [ip = '', prefix] = text(value).split('/');
  const family = isIP(ip);
  if (family === 0 || prefix === undefined || !/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128))
    throw invalidArgument(`ips: ${JSON.stringify(value)} is no address with its prefix`);
  return `${ip}/${prefix}`;
}

function objects(value: Json | undefined, name: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw invalidArgument(`"${name}" is no list of objects`);
  return value;
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const texts = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []);
