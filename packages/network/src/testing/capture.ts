import { AF, MSG, SOCK, hasCode, syscalls } from '@gantry/linux';

/** ETH_P_ALL, as the wire has it. */
const ALL = 0x0300;
const LARGEST = 65_536;
const TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const UDP = 17;

/** What one packet on a wire is. */
export interface Seen {
  /** 50: ESP. */
  readonly protocol: number;
  /** Of UDP. */
  readonly port: number | undefined;
  /** Of VXLAN. */
  readonly vni: number | undefined;
}

/** Reads every packet of the namespace that it was made in, as a wire-tap does. */
export class Capture {
  readonly #socket = syscalls.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, ALL);
  readonly #buffer = Buffer.alloc(LARGEST);

  /** What came since the last time, each packet once or more. */
  take(): Seen[] {
    const seen: Seen[] = [];
    for (let packet = this.#next(); packet !== undefined; packet = this.#next()) seen.push(...readPacket(packet));
    return seen;
  }

  close(): void {
    syscalls.close(this.#socket);
  }

  #next(): Buffer | undefined {
    try {
      return this.#buffer.subarray(0, syscalls.recv(this.#socket, this.#buffer, MSG.DONTWAIT));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return undefined;
      throw error;
    }
  }
}

/** Nothing for what is neither of IPv4 nor of IPv6. */
export function readPacket(frame: Buffer): Seen[] {
  if (frame.length < 34) return [];
  const type = frame.readUInt16BE(12);
  if (type !== TYPE.ipv4 && type !== TYPE.ipv6) return [];
  const [protocol, payload] = type === TYPE.ipv4 ? [frame.readUInt8(23), 14 + 4 * (frame.readUInt8(14) & 15)] : [frame.readUInt8(20), 54];
  if (protocol !== UDP || frame.length < payload + 16) return [{ protocol, port: undefined, vni: undefined }];
  return [{ protocol, port: frame.readUInt16BE(payload + 2), vni: frame.readUIntBE(payload + 12, 3) }];
}
