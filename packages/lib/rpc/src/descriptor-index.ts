import { BinaryReader } from '@bufbuild/protobuf/wire';

/** What reflection must know of a FileDescriptorSet, read from its bytes without a protobuf library in memory. */
export interface DescriptorIndex {
  readonly byName: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly imports: readonly string[] }>;
  /** Full name of a message, enum, service or method → file name. */
  readonly bySymbol: ReadonlyMap<string, string>;
}

type Fields = ReadonlyMap<number, Uint8Array[]>;

/** The length-delimited fields of one message by number; everything else in a descriptor is of no use here. */
function fields(bytes: Uint8Array): Fields {
  const found = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType !== 2) {
      reader.skip(wireType);
      continue;
    }
    const list = found.get(number) ?? [];
    list.push(reader.bytes());
    found.set(number, list);
  }
  return found;
}

const text = (message: Fields, number: number): string => Buffer.from(message.get(number)?.[0] ?? []).toString();
const nested = (message: Fields, number: number): Fields[] => (message.get(number) ?? []).map(fields);

/** Field numbers are those of google/protobuf/descriptor.proto. */
export function indexDescriptors(set: Uint8Array): DescriptorIndex {
  const byName = new Map<string, { bytes: Uint8Array; imports: string[] }>();
  const bySymbol = new Map<string, string>();
  for (const bytes of fields(set).get(1) ?? []) {
    const file = fields(bytes);
    const name = text(file, 1);
    const scope = text(file, 2);
    byName.set(name, { bytes, imports: (file.get(3) ?? []).map((item) => Buffer.from(item).toString()) });
    const add = (symbol: string): string => {
      bySymbol.set(symbol, name);
      return symbol;
    };
    const addMessage = (above: string, message: Fields): void => {
      const full = add(`${above}.${text(message, 1)}`);
      for (const inner of nested(message, 3)) addMessage(full, inner);
      for (const inner of nested(message, 4)) add(`${full}.${text(inner, 1)}`);
    };
    for (const message of nested(file, 4)) addMessage(scope, message);
    for (const enumeration of nested(file, 5)) add(`${scope}.${text(enumeration, 1)}`);
    for (const service of nested(file, 6)) {
      const full = add(`${scope}.${text(service, 1)}`);
      for (const method of nested(service, 2)) add(`${full}.${text(method, 1)}`);
    }
  }
  return { byName, bySymbol };
}
