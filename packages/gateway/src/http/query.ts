import { type ApiVersion, readable } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';

/** Query parameters with dockerd's readings. Unknown ones are ignored, as dockerd does: clients repeat whole option objects there. */
export class Query {
  private readonly parameters: URLSearchParams;

  constructor(search: string) {
    const broken = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(search);
    if (broken !== null) throw invalidArgument(`invalid URL escape ${JSON.stringify(broken[0])}`);
    this.parameters = new URLSearchParams(search);
  }

  /** Leaves out what the operation does not read in this version of the API. */
  asOf(operation: string, version: ApiVersion): this {
    readable(operation, this.parameters, version);
    return this;
  }

  has(name: string): boolean {
    return this.parameters.has(name);
  }

  /** First value, empty when absent. */
  text(name: string): string {
    return this.parameters.get(name) ?? '';
  }

  all(name: string): string[] {
    return this.parameters.getAll(name);
  }

  /** Anything but empty, 0, no, false and none is true. */
  flag(name: string, absent = false): boolean {
    const value = this.parameters.get(name);
    return value === null ? absent : !['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase());
  }

  /** A decimal integer; undefined when absent or empty. Errors: invalidArgument in strconv.Atoi's words. */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === '') return undefined;
    const number = Number(value);
    if (!/^[+-]?[0-9]+$/.test(value)) throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (!Number.isSafeInteger(number)) throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(value)}: value out of range`);
    return number;
  }

  /** An integer that a 32 bit field takes. */
  int32(name: string): number | undefined {
    const value = this.integer(name);
    if (value !== undefined && (value > 0x7fffffff || value < -0x80000000))
      throw invalidArgument(`strconv.Atoi: parsing "${value}": value out of range`);
    return value;
  }

  /** A value that must be there. Errors: invalidArgument naming it. */
  required(name: string): string {
    const value = this.text(name);
    if (value === '') throw invalidArgument(`missing required parameter ${JSON.stringify(name)}`);
    return value;
  }
}
