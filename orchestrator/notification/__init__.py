"""Messages to people by mail and by webhook. Messages that could not be sent are kept and tried again."""
