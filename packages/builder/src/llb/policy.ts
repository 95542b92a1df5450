import {
  AttrMatch,
  MatchType,
  type Policy,
  PolicyAction,
  type Rule,
  type Selector,
} from '@gantry/api/moby/buildkit/v1/sourcepolicy/policy';
import type { SourceOp } from '@gantry/api/pb/ops';
import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import { forbidden, invalidArgument } from '@gantry/rpc';
import type { SourcePolicy } from './read';

/** How often one source may be turned into another. */
const MOST_CHANGES = 20;

/**
 * Rules over sources: of a policy the last rule that allows or denies wins, and one that converts begins anew with what it made. Patterns are compiled once, in time that grows
 * with the text only. Undefined where there are no policies.
 */
export function sourcePolicy(policies: readonly Policy[]): SourcePolicy | undefined {
  if (policies.length === 0) return undefined;
  const rules = policies.map((policy) => policy.rules.map(compileRule));
  return (source) => {
    let changed = false;
    for (let times = 0; ; times++) {
      if (times > MOST_CHANGES) throw invalidArgument('too many mutations on a single source: too many operations');
      if (!rules.some((policy) => applyPolicy(policy, source))) return changed;
      changed = true;
    }
  };
}

/** The rules of a build, with those of one of its requests after them. */
export type PolicyWith = (more: readonly Policy[]) => SourcePolicy | undefined;

export function policyWith(policies: readonly Policy[]): PolicyWith {
  const own = sourcePolicy(policies);
  return (more) => (more.length === 0 ? own : sourcePolicy([...policies, ...more]));
}

interface CompiledRule {
  readonly rule: Rule;
  readonly selector: Selector;
  /** What the identifier must match; undefined where only the same text does. */
  readonly pattern: () => Pattern | undefined;
  readonly constraints: readonly ((attributes: Readonly<Record<string, string>>) => boolean)[];
}

function compileRule(rule: Rule): CompiledRule {
  const { selector } = rule;
  if (selector === undefined) throw invalidArgument('invalid nil selector in policy');
  let pattern: Pattern | undefined;
  const constraints = selector.constraints.map(({ key, value, condition }) => {
    let matches: Pattern | undefined;
    return (attributes: Readonly<Record<string, string>>): boolean => {
      const given = attributes[key] ?? '';
      if (condition === AttrMatch.EQUAL) return given === value;
      if (condition === AttrMatch.NOTEQUAL) return given !== value;
      if (condition === AttrMatch.MATCHES) return (matches ??= compilePattern(value)).test(given);
      throw invalidArgument(`unknown attr condition: ${String(condition)}`);
    };
  });
  return { rule, selector, constraints, pattern: () => (pattern ??= patternOf(selector)) };
}

function patternOf({ matchType, identifier }: Selector): Pattern | undefined {
  if (matchType === MatchType.EXACT) return undefined;
  if (matchType === MatchType.REGEX) return compilePattern(identifier);
  if (matchType !== MatchType.WILDCARD) throw invalidArgument(`unknown match type: ${String(matchType)}`);
  if (identifier.includes('**')) throw invalidArgument(`failed to translate wildcard "${identifier}" to regexp: invalid wildcard: "**"`);
  return compilePattern(`^${identifier.split('*').map(literal).join('(.*)')}$`);
}

/** The text as a pattern that matches it alone. */
function literal(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, (char) => `\\${char}`);
}

/** True when the source was changed. Throws when it is denied. */
function applyPolicy(rules: readonly CompiledRule[], source: SourceOp): boolean {
  const { identifier } = source;
  let denied = false;
  for (const { rule, selector, pattern, constraints } of rules) {
    if (!constraints.every((fits) => fits(source.attrs))) continue;
    if (selector.identifier !== identifier && pattern()?.test(identifier) !== true) continue;
    if (rule.action === PolicyAction.ALLOW) denied = false;
    else if (rule.action === PolicyAction.DENY) denied = true;
    else if (rule.action === PolicyAction.CONVERT) {
      if (convert(source, rule, selector, pattern())) return true;
    } else throw invalidArgument(`source policy: rule ${String(rule.action)} ${selector.identifier}: unknown type "${identifier}"`);
  }
  if (denied) throw forbidden(`source "${identifier}" denied by policy: source denied by policy`);
  return false;
}

function convert(source: SourceOp, { updates }: Rule, selector: Selector, pattern: Pattern | undefined): boolean {
  if (updates === undefined) throw invalidArgument('error mutating source policy: missing destination for convert rule');
  const wanted = updates.identifier === '' ? selector.identifier : updates.identifier;
  const destination = pattern === undefined ? wanted : pattern.replaceAll(source.identifier, wanted);
  let changed = false;
  if (destination !== '' && destination !== source.identifier) {
    source.identifier = destination;
    changed = true;
  }
  for (const [key, value] of Object.entries(updates.attrs)) {
    if (source.attrs[key] === value) continue;
    source.attrs[key] = value;
    changed = true;
  }
  return changed;
}
