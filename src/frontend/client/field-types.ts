// Checks of the types that only requests of a front end have.
import {
  anything,
  boolean,
  bytes,
  type FieldCheck,
  isObject,
  must,
  objectOf,
  text,
} from '../../core/client/field-checks.js'
import { invalidField } from '../../core/errors.js'
import { KeyMode } from '../../gen/encserver/v1/frontend.js'

/** A key mode. */
export const keyMode = must('a KeyMode, such as KeyMode.KEY_MODE_SPLIT', (value) =>
  Object.values<unknown>(KeyMode).includes(value),
)

/** Labels: an object of texts. */
export const labels: FieldCheck = (name, value) => {
  if (!isObject(value)) throw invalidField(name, 'must be an object of strings')
  // Every object has this property already, so the encoder would lose the label.
  if (Object.hasOwn(value, '__proto__')) throw invalidField(name, 'must not be named __proto__')
  for (const label of Object.entries(value).flat()) text(name, label)
}

/** A precondition, whose value has the type of its case. */
export const precondition: FieldCheck = (name, value) => {
  objectOf({ condition: objectOf({ $case: text, value: anything }) })(name, value)
  const { condition } = value as { condition?: { $case?: unknown; value?: unknown } }
  if (condition?.$case === 'absent') boolean(`${name}.condition.value`, condition.value)
  else if (condition?.$case === 'keyId') bytes(`${name}.condition.value`, condition.value)
  else throw invalidField(`${name}.condition.$case`, "must be 'absent' or 'keyId'")
}
