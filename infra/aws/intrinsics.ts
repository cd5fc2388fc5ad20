/** A part of a template: JSON, with CloudFormation's own functions in it. */
export interface Json {
  readonly [member: string]: unknown;
}

export const ref = (name: string): Json => ({ Ref: name });
export const sub = (text: string): Json => ({ "Fn::Sub": text });
export const getAtt = (name: string, attribute: string): Json => ({ "Fn::GetAtt": [name, attribute] });
export const when = (condition: string, then: unknown, otherwise: unknown = ref("AWS::NoValue")): Json => ({
  "Fn::If": [condition, then, otherwise],
});
export const equals = (parameter: string, value: string): Json => ({ "Fn::Equals": [ref(parameter), value] });
export const not = (condition: Json): Json => ({ "Fn::Not": [condition] });
