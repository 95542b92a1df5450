import { invalidArgument, prefixed } from '@gantry/rpc/errors';
import { csvFields } from '../csv';
import { didYouMean } from '../suggest';
import { truthOf } from './truth';

/** A device of the Container Device Interface that a step wants. */
export interface Device {
  readonly name: string;
  readonly required: boolean;
}

/** `vendor.com/class=name`, or `name=…,required`. */
export function parseDevice(text: string): Device {
  let name = '';
  let required = false;
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === 'required') required = value === undefined || truthOf(key, value);
    else if (key === 'name' && value !== undefined) {
      if (name !== '') throw invalidArgument(`device name already set to ${name}`);
      name = value;
    } else if (name === '') name = field;
    else if (value === undefined) throw invalidArgument(`invalid field '${field}' must be a key=value pair`);
    else throw invalidArgument(`unexpected key '${key}' in '${field}'${didYouMean(key, ['name', 'required'])}`);
  }
  return { name, required };
}

function fieldsOf(text: string): string[] {
  try {
    return csvFields(text);
  } catch (error) {
    throw prefixed(error, 'failed to parse csv devices');
  }
}
