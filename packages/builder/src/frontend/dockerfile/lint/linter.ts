import type { Lines } from '@gantry/dockerfile';
import { GantryError } from '@gantry/rpc';
import type { LintOptions } from './options';
import { type Rule, type RuleName, ruleOf } from './rules';

/** Told of each violation. */
export type OnViolation = (rule: Rule, message: string, lines: Lines) => void;

/** Decides which violations are told. */
export class Linter {
  private readonly called = new Set<RuleName>();

  /** Without `tell` nothing is checked. */
  constructor(
    private readonly options: LintOptions,
    private readonly tell: OnViolation | undefined,
  ) {}

  report(name: RuleName, lines: Lines, message: string): void {
    const rule = ruleOf(name);
    const { skip, experimental } = this.options;
    const wanted = rule.experimental ? experimental === 'all' || experimental.includes(name) : skip !== 'all' && !skip.includes(name);
    if (this.tell === undefined || !wanted) return;
    this.called.add(name);
    this.tell(rule, message, lines);
  }

  /** Fails where violations are errors and there was one. */
  finish(): void {
    if (!this.options.error || this.called.size === 0) return;
    throw new GantryError('unknown', `lint violation found for rules: ${[...this.called].join(', ')}`);
  }
}
