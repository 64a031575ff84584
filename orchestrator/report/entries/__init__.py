"""What a report's document is made of: ``report.schema.json`` as types. A test holds the two together.

Every key is there in documents of this version, but for those of classes that say ``total=False``; the schema calls
fewer of them required, since documents of earlier versions lack some. Units are in the keys' names or in the schema.
"""
