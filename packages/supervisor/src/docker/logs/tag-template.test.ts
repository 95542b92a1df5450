import { renderTag } from './tag-template';

const fields = { ID: 'abc', Name: 'web', ContainerArgs: ['-c', 'true'], ImageName: 'Busy box' };

test.each([
  ['', ''],
  ['{{.Name}}/{{.ID}}', 'web/abc'],
  ['{{ upper .Name }}', 'WEB'],
  ['{{.ImageName | lower | title}}', 'Busy Box'],
  ['{{join (wrong)', /unclosed action/],
  ['{{join .ContainerArgs ","}}', '-c,true'],
  ['{{truncate .Name 2}}{{pad "x" 1 2}}|', 'we x  |'],
  ['{{json .ContainerArgs}}{{.ContainerArgs}}', '["-c","true"][-c true]'],
  ['a {{- /* nothing */ -}} b', 'ab'],
  ['{{index (split "a/b" "/") 1}}', /unexpected "\(split" in operand/],
  ['{{.Nope}}', /executing "log-tag" at <.Nope>: can't evaluate field Nope in type \*logger.Info/],
  ['{{nope .Name}}', /template: log-tag:1: function "nope" not defined/],
  ['{{.Name .ID}}', /can't give argument to non-function .Name/],
  ['{{}}', /missing value for command/],
])('%s', (template, outcome) => {
  if (typeof outcome === 'string') expect(renderTag(template, fields)).toBe(outcome);
  else expect(() => renderTag(template, fields)).toThrow(outcome);
});
