import type { Inbox } from "@bellhop/client";
import { useInbox } from "@bellhop/client/vue";
import { defineComponent, h, type PropType } from "vue";

export const VueBell = defineComponent({
  props: { inbox: { type: Object as PropType<Inbox>, required: true } },
  setup(props) {
    const { snapshot, inbox } = useInbox(props.inbox);
    return () => [
      h("h2", `Vue: ${snapshot.value.unread} unread`),
      h("button", { type: "button", class: "button quiet", onClick: () => inbox.readAll() }, "Read all"),
      h(
        "ul",
        snapshot.value.items.map((item) =>
          h("li", { key: item.id, "data-read": String(item.read) }, item.title),
        ),
      ),
    ];
  },
});
