package attack

import (
	"math"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// message makes a random message of a form, with others inside it down to a depth.
func (h *hand) message(form protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(form)
	for i := range form.Fields().Len() {
		field := form.Fields().Get(i)
		if h.rand.IntN(4) == 0 || depth == 0 && field.Message() != nil {
			continue
		}
		if !field.IsList() {
			m.Set(field, h.value(field, depth))
			continue
		}
		list := m.NewField(field).List()
		for range h.length() % 300 {
			list.Append(h.value(field, depth))
		}
		m.Set(field, protoreflect.ValueOfList(list))
	}
	return m
}

// length draws how long something is: most often short.
func (h *hand) length() int {
	return []int{0, 1, 1, 2, 3, 16, 32, h.rand.IntN(5000)}[h.rand.IntN(8)]
}

// number draws one: most often at the edge of something.
func (h *hand) number() uint64 {
	return []uint64{0, 1, 1, 2, 3, uint64(h.rand.IntN(1000)), math.MaxInt32, math.MaxUint32, math.MaxInt64, math.MaxUint64, h.rand.Uint64()}[h.rand.IntN(11)]
}

// text draws one; some are what others may take for more than text.
func (h *hand) text() string {
	switch h.rand.IntN(4) {
	case 0:
		return []string{"c1", "127.0.0.1:1", "../../etc/passwd", "\x1b[2J\r\nlevel=error", "<script>alert(1)</script>", "%s%n", "\u202e\u0000", "load/1"}[h.rand.IntN(8)]
	case 1:
		return strings.Repeat("é", h.length())
	}
	return "attack/" + strings.Repeat(string(rune('a'+h.rand.IntN(26))), 1+h.rand.IntN(8))
}

func (h *hand) value(field protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(h.rand.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(h.number() % 8))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(h.number()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(h.number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(h.number()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(h.number()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(h.rand.NormFloat64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(h.rand.NormFloat64())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(h.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(h.bytes(h.length()))
	}
	return protoreflect.ValueOfMessage(h.message(field.Message(), depth-1).ProtoReflect())
}
