import Ajv, { type ValidateFunction } from 'ajv/dist/2019';
import type { Schema, Specification } from './specification';

type Tree = Record<string, unknown>;

/**
 * Validators for one specification. Three readings of Swagger 2.0 are stricter or looser than its letter: a member that the description does not
 * know is an error (answers must not invent fields); a list, map or object may be null, because Go's nil is and dockerd answers so; `format` is
 * not looked at.
 */
export class Schemas {
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  private readonly compiled = new Map<unknown, ValidateFunction>();

  constructor(specification: Specification) {
    const definitions = Object.entries(specification.definitions).flatMap(([name, schema]) => [
      [name, close(translate(schema))],
      [`${name}+`, translate(schema)], // open, to be a part of an allOf
    ]);
    this.ajv.addSchema({ $id: 'engine', definitions: Object.fromEntries(definitions) as Tree });
  }

  /** What is wrong with a value, each with its place; empty when nothing is. */
  problems(schema: Schema, value: unknown): string[] {
    let validate = this.compiled.get(schema);
    if (validate === undefined) {
      validate = this.ajv.compile(close(translate(schema)));
      this.compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    const errors = (validate.errors ?? []).filter(
      (error) =>
        error.keyword !== 'anyOf' &&
        error.message !== 'must be null' &&
        !(error.instancePath === '' && undescribed.has(String(error.params['unevaluatedProperty']))),
    );
    // one wrong member makes its whole part of an allOf count as unnamed: then those errors say nothing
    const telling = errors.filter((error) => error.keyword !== 'unevaluatedProperties');
    return (telling.length > 0 ? telling : errors).map(
      (error) =>
        `${error.instancePath || '/'} ${error.message ?? error.keyword}${'unevaluatedProperty' in error.params ? ` (${String(error.params['unevaluatedProperty'])})` : ''}`,
    );
  }
}

/** Members at the top of an answer that dockerd gives and its description does not know: of old events, and of /system/df before 1.42 and, in its old form, from 1.53 on. */
const undescribed = new Set([
  ...['status', 'id', 'from', 'BuilderSize'],
  ...['LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache'],
]);

/** Members that the description asks for and does not know: of an image's data in 1.47 and later, a name that `Size.Unpacked` once had. */
const misnamed = new Set(['UnpackedSize']);

/** Scalars behind a Go pointer, null when unset, whatever the description says. */
const pointers = new Set(['MemorySwappiness', 'OomKillDisable', 'PidsLimit', 'ExitCode']);

function translate(schema: unknown, open = false): Tree {
  const source = schema as Tree;
  if (typeof source['$ref'] === 'string') {
    const target = { $ref: `engine#/definitions/${source['$ref'].slice('#/definitions/'.length)}${open ? '+' : ''}` };
    return source['x-nullable'] === true ? nullable(target) : target;
  }
  const result: Tree = {};
  for (const key of ['type', 'enum', 'required', 'minimum', 'maximum', 'minItems', 'maxItems'] as const)
    if (source[key] !== undefined) result[key] = source[key];
  if (Array.isArray(result['required'])) result['required'] = (result['required'] as string[]).filter((name) => !misnamed.has(name));
  if (source['items'] !== undefined) result['items'] = close(translate(source['items']));
  if (typeof source['additionalProperties'] === 'object') result['additionalProperties'] = close(translate(source['additionalProperties']));
  if (source['properties'] !== undefined) {
    result['properties'] = Object.fromEntries(
      Object.entries(source['properties'] as Tree).map(([name, property]) => [
        name,
        close(pointers.has(name) ? nullable(translate(property)) : translate(property)),
      ]),
    );
  }
  if (Array.isArray(source['allOf'])) {
    result['allOf'] = source['allOf'].map((part) => translate(part, true));
    if (source['allOf'].length === 1 && source['properties'] === undefined)
      return source['x-nullable'] === true ? nullable(result) : result;
  }
  if (source['x-nullable'] === true || result['type'] === 'array' || result['type'] === 'object') return nullable(result);
  return result;
}

function nullable(schema: Tree): Tree {
  return { anyOf: [{ type: 'null' }, schema] };
}

/** Refuses members that no part of the schema names. */
function close(schema: Tree): Tree {
  const inner = (schema['anyOf'] as Tree[] | undefined)?.[1];
  if (inner !== undefined) return nullable(close(inner));
  const named = schema['properties'] !== undefined || schema['allOf'] !== undefined;
  return named && schema['additionalProperties'] === undefined ? { ...schema, unevaluatedProperties: false } : schema;
}
