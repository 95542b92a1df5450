import type { Address } from '../address/cidr';
import { toBytes } from '../address/cidr';
import type { Request } from '../netlink/message';
import * as expression from '../nft/expression';
import { FAMILY, addChain, addRule, addTable, deleteTable } from '../nft/transaction';

/** The table inside a sandbox. */
const TABLE = 'gantry-dns';
const DNS_PORT = 53;
const PROTOCOL = { udp: 17, tcp: 6 } as const;
const [R0, R1] = [expression.register(0), expression.register(1)];

/** Translates port 53 of the resolver's address to the ports that are really served; replaces an earlier translation. */
export function redirect(to: { readonly address: Address; readonly udpPort: number; readonly tcpPort: number }): Request[] {
  const rule = (protocol: number, port: number): Request =>
    addRule(FAMILY.ip, TABLE, 'output', [
      expression.loadPayload(expression.HEADER.network, 16, 4, R0),
      expression.compare(R0, 'equal', toBytes(to.address)),
      expression.loadMeta(expression.META.l4Protocol, R0),
      expression.compare(R0, 'equal', Buffer.from([protocol])),
      expression.loadPayload(expression.HEADER.transport, 2, 2, R0),
      expression.compare(R0, 'equal', portBytes(DNS_PORT)),
      expression.loadConstant(R0, toBytes(to.address)),
      expression.loadConstant(R1, portBytes(port)),
      expression.translateDestination(4, R0, R1),
    ]);
  return [
    addTable(FAMILY.ip, TABLE),
    deleteTable(FAMILY.ip, TABLE),
    addTable(FAMILY.ip, TABLE),
    addChain(FAMILY.ip, TABLE, { name: 'output', type: 'nat', hook: 'output', priority: -100 }),
    rule(PROTOCOL.udp, to.udpPort),
    rule(PROTOCOL.tcp, to.tcpPort),
  ];
}

function portBytes(port: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(port);
  return out;
}
