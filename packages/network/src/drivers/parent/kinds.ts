import { conflict, invalidArgument } from '@gantry/rpc';
import * as attribute from '../../netlink/attribute';
import type { NetworkRecord } from '../../store/record';
import { readLinkOptions } from './link-options';

/** The options of a network, understood. */
export interface ParentOptions {
  /** The host's link below; empty: one that leads nowhere. */
  readonly parent: string;
  readonly mtu: number | undefined;
  readonly interfacePrefix: string;
  /** What the kernel is told of each link. */
  readonly data: readonly Buffer[];
  /** The one link has the parent for itself. */
  readonly passthru: boolean;
  /** Sandboxes are on one link with the parent, where somebody routes; else the parent's host does. */
  readonly onLink: boolean;
}

/** What is different of links on top of one of the host's. Names of options and their values are Docker's. */
export interface ParentKind {
  readonly name: 'macvlan' | 'ipvlan';
  /** Of the links that stand in for a parent. */
  readonly prefix: string;
  /** Links have MAC addresses of their own. */
  readonly hasMac: boolean;
  /** Throws invalidArgument in dockerd's words. */
  read(options: Readonly<Record<string, string>>): ParentOptions;
  /** Refuses a network beside another one of the same kind on the same parent. */
  checkBeside(wanted: ParentOptions, other: NetworkRecord): void;
}

const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const MACVLAN_MODE = 1;

export const MACVLAN: ParentKind = {
  name: 'macvlan',
  prefix: 'dm-',
  hasMac: true,
  read(options) {
    const mode = options['macvlan_mode'] ?? '';
    const number = word(MACVLAN_MODES, mode === '' ? 'bridge' : mode);
    if (number === undefined)
      throw invalidArgument(`requested macvlan mode '${mode}' is not valid, 'bridge' mode is the macvlan driver default`);
    const data = [attribute.u32(MACVLAN_MODE, number)];
    return { ...readLinkOptions(options, 'macvlan'), data, passthru: mode === 'passthru', onLink: true };
  },
  checkBeside({ parent, passthru }, { id, options }) {
    if (passthru) throw conflict(`cannot use mode passthru, macvlan network ${id} is already using parent interface ${parent}`);
    if (MACVLAN.read(options).passthru)
      throw conflict(`macvlan network ${id} is already using parent interface ${parent} in mode passthru`);
  },
};

const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;
const IPVLAN_MODE = 1;
const IPVLAN_FLAG = 2;

export const IPVLAN: ParentKind = {
  name: 'ipvlan',
  prefix: 'di-',
  hasMac: false,
  read(options) {
    const [mode, flag] = [options['ipvlan_mode'] ?? '', options['ipvlan_flag'] ?? ''];
    const number = word(IPVLAN_MODES, mode === '' ? 'l2' : mode);
    if (number === undefined) throw invalidArgument(`requested ipvlan mode '${mode}' is not valid, 'l2' mode is the ipvlan driver default`);
    const bits = word(IPVLAN_FLAGS, flag === '' ? 'bridge' : flag);
    if (bits === undefined) throw invalidArgument(`requested ipvlan flag '${flag}' is not valid, 'bridge' is the ipvlan driver default`);
    const data = [attribute.u16(IPVLAN_MODE, number), attribute.u16(IPVLAN_FLAG, bits)];
    return { ...readLinkOptions(options, 'ipvlan'), data, passthru: false, onLink: number === IPVLAN_MODES.l2 };
  },
  checkBeside({ parent }, { id }) {
    throw conflict(`network ${nameOfNone(IPVLAN, id)} is already using parent interface ${parent}`);
  },
};

/** Name of the link that stands in for a network's parent. */
export const nameOfNone = ({ prefix }: Pick<ParentKind, 'prefix'>, id: string): string => `${prefix}${id.slice(0, 12)}`;

const word = (table: Readonly<Record<string, number>>, text: string): number | undefined =>
  Object.hasOwn(table, text) ? table[text] : undefined;
